"""The search for the network that a device can afford: budgets, exact costs, trials, the Pareto front."""
