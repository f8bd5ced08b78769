"""The commands that say what a network costs and what is wrong with it; they change nothing."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hybrid_tf.cli.options import QuietCommand, is_run, network_options, network_spec
from hybrid_tf.errors import HybridTFError

if TYPE_CHECKING:
    from hybrid_tf.analysis.cost import Cost
    from hybrid_tf.analysis.energy_profiles import EnergyProfile

AS_JSON = click.option("--json", "as_json", is_flag=True, help="print the result as JSON")
RUNS = click.argument("runs", metavar="RUN...", nargs=-1, required=True, type=click.Path(path_type=Path))
PROFILES = "horowitz-45nm [default], horowitz-45nm-dram, FILE.json"
PROFILE = click.option("--energy-profile", "profile_name", help=PROFILES)


@click.command()  # nothing here needs TensorFlow
@click.argument("file", metavar="FILE.tflite", type=click.Path(path_type=Path))
@AS_JSON
def inspect(file: Path, as_json: bool) -> None:
    r"""Show what is in a .tflite file: operators, weights, MACs, activations, and where its bytes go.

    It works on any TensorFlow Lite file and needs no TensorFlow.

    \b
    Example: hybrid-tf inspect runs/first/model.tflite --json
    """
    from hybrid_tf.analysis.inspection import inspect_file
    from hybrid_tf.deploy.freshness import warn_of_stale_files
    from hybrid_tf.runs.kinds import TFLITE, expect
    from hybrid_tf.tables import show

    expect(file, TFLITE)
    warn_of_stale_files(file)
    found = inspect_file(file)
    show(as_json, found.to_dict(), *found.tables())


@click.command(cls=QuietCommand)
@click.argument("source", metavar="NETWORK|RUN|FILE.tflite")
@click.option("--plan", "plans", multiple=True, help="of a network, can be repeated  [default: the three main plans]")
@click.option("--energy-profile", "names", multiple=True, help=PROFILES)
@click.option("--twin", type=click.Path(path_type=Path), help="the full-precision .tflite to compare a FILE with")
@click.option("--int8", is_flag=True, help="show each plan with int8 full-precision sections, too")
@network_options
@AS_JSON
def energy(
    source: str,
    plans: tuple[str, ...],
    names: tuple[str, ...],
    twin: Path | None,
    int8: bool,
    as_json: bool,
    **options: Any,
) -> None:
    r"""Model the energy and the memory of one image through a network, a run or a file.

    Energy is that of multiply-accumulates and of memory accesses, with published constants: a model that compares
    plans, not a measurement. Efficiency and compression are against the full-precision twin.

    \b
    Examples: hybrid-tf energy vgg19 --classes 100 --energy-profile horowitz-45nm-dram
              hybrid-tf energy runs/first --int8 --json
              hybrid-tf energy model.tflite --twin full_precision.tflite --energy-profile mine.json
    """
    from hybrid_tf.analysis.cost import NOTE, cost_tables, file_cost
    from hybrid_tf.analysis.energy_profiles import DEFAULT, energy_profile
    from hybrid_tf.deploy.freshness import warn_of_stale_files
    from hybrid_tf.tables import show

    profiles = [energy_profile(name) for name in dict.fromkeys(names or (DEFAULT,))]
    if twin is not None and not source.endswith(".tflite"):
        raise HybridTFError("--twin is for a FILE.tflite: the twin of a network or a run is known")
    if int8 and source.endswith(".tflite"):
        raise HybridTFError("--int8 is for a network or a run: a FILE.tflite is int8 or is not")
    if source.endswith(".tflite"):
        against = [] if twin is None else [file_cost(twin, profiles)]
        warn_of_stale_files(Path(source))
        found = [*against, file_cost(Path(source), profiles, *against)]
    else:
        found = _network_costs(source, plans, profiles, options | {"int8": int8})
    result = {
        "source": source,
        "note": NOTE,
        "costs": [item.to_dict() for item in found],
        "energy_profiles": [profile.to_dict() for profile in profiles],
    }
    show(as_json, result, *cost_tables(source, found), NOTE)


def _network_costs(
    source: str, plans: tuple[str, ...], profiles: list["EnergyProfile"], options: dict[str, Any]
) -> list["Cost"]:
    from hybrid_tf.analysis.network_cost import INT8, PLANS, network_costs
    from hybrid_tf.runs.kinds import TFLITE

    if not is_run(source, TFLITE):
        spec = network_spec(source, options)
        return network_costs(spec, plans or PLANS, profiles, int8=options["int8"])
    from hybrid_tf.deploy.freshness import warn_of_stale_files
    from hybrid_tf.runs.names import FILE, INT8_FILE
    from hybrid_tf.runs.run import load_run

    run = load_run(source)
    warn_of_stale_files(run.folder)
    plan = str(run.spec.plan)
    files = {plan: run.folder / FILE, plan + INT8: run.folder / INT8_FILE}
    return network_costs(
        run.spec,
        plans or tuple(dict.fromkeys(("full_precision", plan))),
        profiles,
        file_bytes={name: file.stat().st_size for name, file in files.items() if file.exists()},
        int8=options["int8"],
    )


@click.command(cls=QuietCommand)
@click.argument("source", metavar="RUN|MODEL.keras|FILE.tflite", required=False, type=click.Path(path_type=Path))
@click.option("--rules", is_flag=True, help="list the rules")
@AS_JSON
@click.pass_context
def lint(ctx: click.Context, source: Path | None, rules: bool, as_json: bool) -> None:
    r"""Find what stays in float or does more than it has to, by layer, with its cost and the fix.

    Exit code 1 when it finds a layer that is not binary or would be wrong, as `convert --strict` refuses it.

    \b
    Examples: hybrid-tf lint model.keras
              hybrid-tf lint runs/first --json
              hybrid-tf lint --rules
    """
    from hybrid_tf.compiler import RULES
    from hybrid_tf.tables import show, table

    if rules:
        listed = {name: {"severity": rule.severity, "description": rule.description} for name, rule in RULES.items()}
        rows = [[name, rule["severity"], rule["description"]] for name, rule in listed.items()]
        show(as_json, listed, table("rules", ["rule", "severity", "what it finds"], rows))
        return
    if source is None:
        raise click.UsageError("name a run folder, a Keras model or a .tflite file, or use --rules")
    found = _findings(source)
    rows = [[item.layer, item.severity, item.rule, item.message, _cost_text(item.cost), item.fix] for item in found]
    columns = ["layer", "severity", "rule", "what is wrong", "cost", "fix"]
    parts = [table(str(source), columns, rows)] if found else [f"{source}: nothing found"]
    show(as_json, [item.to_dict() for item in found], *parts)
    if any(item.severity == "error" for item in found):
        ctx.exit(1)


def _findings(source: Path) -> list[Any]:
    from hybrid_tf.compiler import lint_file, lint_model, load_keras_model
    from hybrid_tf.deploy.freshness import warn_of_stale_files
    from hybrid_tf.runs.kinds import MODEL, RUN, TFLITE, expect

    found = expect(source, RUN, MODEL, TFLITE)
    warn_of_stale_files(source)
    if found == TFLITE:
        return lint_file(source)
    if found == RUN:
        from hybrid_tf.runs.run import load_run

        return lint_model(load_run(source).load_model())
    return lint_model(load_keras_model(source))


def _cost_text(cost: dict[str, int]) -> str:
    return ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in cost.items()) or "-"


@click.command(cls=QuietCommand)
@RUNS
@PROFILE
@AS_JSON
def compare(runs: tuple[Path, ...], profile_name: str | None, as_json: bool) -> None:
    r"""Compare finished runs: accuracy, memory, energy, MACs.

    \b
    Example: hybrid-tf compare runs/compare/* --json
    """
    from hybrid_tf.study.report import comparison_table, run_costs
    from hybrid_tf.tables import show

    found = run_costs(runs, _profile(profile_name))
    show(as_json, [run.to_dict() for run in found], comparison_table(found))


@click.command(cls=QuietCommand)
@RUNS
@click.option("-o", "--output", type=click.Path(path_type=Path), default="report.html", show_default=True)
@PROFILE
@AS_JSON
def report(runs: tuple[Path, ...], output: Path, profile_name: str | None, as_json: bool) -> None:
    r"""Write one HTML page about finished runs: cost, curves, and what each gets wrong; it needs no network to be read.

    Each network is evaluated on its test images once; its run folder keeps the result.

    \b
    Example: hybrid-tf report runs/compare/* -o report.html
    """
    from hybrid_tf.study.report import run_costs
    from hybrid_tf.study.report_page import write_report
    from hybrid_tf.tables import show

    profile = _profile(profile_name)
    found = run_costs(runs, profile, evaluated=True)
    write_report(found, output, profile)
    rows = [run.to_dict() | {"evaluation": run.evaluation and run.evaluation.to_dict()} for run in found]
    show(as_json, {"report": str(output), "runs": rows}, f"wrote {output}")


def _profile(name: str | None) -> "EnergyProfile":
    from hybrid_tf.analysis.energy_profiles import DEFAULT, energy_profile

    return energy_profile(name or DEFAULT)


COMMANDS = (inspect, energy, lint, compare, report)
