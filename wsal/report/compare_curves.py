"""The learning curves of several runs, and what they cost."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from wsal.active.money import Bill, amount
from wsal.report.compare_runs import ComparedRun
from wsal.report.section import Section
from wsal.report.words import METRICS
from wsal.run.stage_table import STAGES

if TYPE_CHECKING:
    import altair as alt

MOST_BANDS, MOST_COLOURS = 4, 10
SHORT = 24  # characters of a name that leave room for another one beside it
OTHERS = "other runs"


def curves_section(runs: Sequence[ComparedRun]) -> Section:
    """Both metrics after each round of each run."""
    points = [
        {
            "run": run.name,
            "labels": of_round["n_gold"] + of_round.get("n_answered", 0),
            "cost": of_round.get("cost_so_far", 0.0),
            **{metric: of_round[metric] for metric in METRICS},
        }
        for run in runs
        for of_round in run.rounds
        if of_round["accuracy"]
    ]
    places = {r.name: r.rounds[-1]["measured_on"] if r.rounds else None for r in runs}
    has_llm = any(of_round.get("n_answered") for run in runs for of_round in run.rounds)
    has_money = any(run.summary["bill"]["total"] for run in runs if "bill" in run.summary)
    coloured = _coloured(runs, points)
    figures = {
        "points": points,
        "has_money": has_money,
        "has_llm": has_llm,
        "measured_on": places,
        "same_place": len(set(places.values())) == 1,
        "coloured": coloured,
    }
    charts = {}
    if points:
        of = {metric: _curves(points, metric, coloured) for metric in METRICS}
        charts = {metric.replace("_", "-"): chart for metric, chart in of.items()}
        if has_money:
            charts["cost"] = _curves(points, "macro_f1", coloured, by="cost")
    return Section("compare_curves", "Learning curves", figures, charts)


def costs_section(runs: Sequence[ComparedRun]) -> Section:
    """Answers, minutes and money of each run, and the seconds of its stages."""
    rows = []
    for run in runs:
        bill = Bill.read(run.summary["bill"]) if "bill" in run.summary else Bill()
        seconds = run.summary["seconds"]
        rows.append(
            {
                "run": run.name,
                "answers": bill.answers,
                "minutes": None if bill.seconds is None else round(bill.seconds / 60, 2),
                "people": bill.people,
                "calls": bill.calls + bill.other_calls,
                "llm": bill.llm + bill.other_cost,
                "total": bill.total,
                "total_in_words": amount(bill.total),
                "machine_minutes": round(sum(seconds.values()) / 60, 3),
                "seconds": seconds,
            }
        )
    figures = {
        "rows": rows,
        "has_llm": any(row["calls"] for row in rows),
        "has_money": any(row["total"] for row in rows),
    }
    return Section("compare_costs", "Costs", figures, {"seconds": _seconds_chart(rows)})


def _coloured(runs: Sequence[ComparedRun], points: Sequence[dict[str, Any]]) -> list[str]:
    """The runs that have a colour of their own: the best ones, if there are many."""
    last = {point["run"]: point["macro_f1"]["value"] for point in points}
    names = [run.name for run in runs if run.name in last]
    if len(names) <= MOST_COLOURS:
        return names
    best = sorted(names, key=lambda name: -last[name])[: MOST_COLOURS - 1]
    return [name for name in names if name in best]


def _curves(
    points: Sequence[dict[str, Any]], metric: str, coloured: Sequence[str], by: str = "labels"
) -> "alt.LayerChart":
    """A line for each run, with intervals as bands where there are few runs."""
    import altair as alt  # noqa: PLC0415  takes a while

    values = [
        {"run": p["run"], by: p[by], **p[metric]}
        | {"of": p["run"] if p["run"] in coloured else OTHERS}
        for p in points
    ]
    names = list(dict.fromkeys(value["of"] for value in values))
    name = METRICS[metric]
    x = alt.X(f"{by}:Q", title="money spent" if by == "cost" else by, scale=alt.Scale(nice=False))
    y = alt.Y("value:Q", title=name, scale=alt.Scale(zero=False))
    columns = 2 if max(map(len, names)) <= SHORT else 1
    legend = alt.Legend(
        orient="bottom", columns=columns, labelLimit=380, title=None, symbolOpacity=1
    )
    color = alt.Color("of:N", sort=names, legend=legend)
    picked = alt.selection_point(fields=["of"], bind="legend", name="picked")
    tooltip = [
        "run:N",
        alt.Tooltip(f"{by}:Q", format=",.2~f"),
        *(alt.Tooltip(f"{key}:Q", title=title, format=".3f")
          for key, title in (("value", name), ("low", "low (90%)"), ("high", "high (90%)"))),
    ]  # fmt: skip
    base = alt.Chart(alt.Data(values=values)).encode(x=x, color=color, detail="run:N")
    clear = alt.when(picked).then(alt.value(1)).otherwise(alt.value(0.15))
    layers: list[alt.Chart] = []
    if len(names) <= MOST_BANDS:
        faint = alt.when(picked).then(alt.value(0.13)).otherwise(alt.value(0.02))
        band = base.mark_area().encode(y=alt.Y("low:Q", title=name), y2="high:Q", opacity=faint)
        layers.append(band)
    layers += [
        base.mark_line().encode(y=y, opacity=clear),
        base.mark_point().encode(y=y, opacity=clear, tooltip=tooltip).add_params(picked),
    ]
    return alt.layer(*layers).properties(width="container", height=320)


def _seconds_chart(rows: Sequence[dict[str, Any]]) -> "alt.Chart":
    """The seconds of each stage, stacked; a bar for each run."""
    import altair as alt  # noqa: PLC0415  takes a while

    order = {stage: number for number, stage in enumerate(STAGES)}
    values = [
        {"run": row["run"], "stage": stage, "seconds": seconds, "order": order.get(stage, 99)}
        for row in rows
        for stage, seconds in row["seconds"].items()
    ]
    stages = [stage for stage in STAGES if any(value["stage"] == stage for value in values)]
    legend = alt.Legend(orient="bottom", columns=3, title=None)
    color = alt.Color("stage:N", sort=stages, legend=legend, scale=alt.Scale(scheme="tableau20"))
    return (
        alt.Chart(alt.Data(values=values))
        .mark_bar(cornerRadiusEnd=0)
        .encode(
            x=alt.X("seconds:Q", stack="zero", title="machine seconds"),
            y=alt.Y("run:N", sort=None, title=None, axis=alt.Axis(labelLimit=300)),
            color=color,
            order="order:Q",
            tooltip=["run:N", "stage:N", alt.Tooltip("seconds:Q", format=",.1f")],
        )
        .properties(width="container", height=26 * len(rows))
    )
