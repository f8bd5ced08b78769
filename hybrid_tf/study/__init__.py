"""Several runs side by side: trainings that are compared, tables, figures and pages."""
