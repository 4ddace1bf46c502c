"""Commands on what a system says of recordings (Table 2): asking it, and scoring what it said."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from audiostory.apps.options import Debug, Device
from audiostory.apps.work import mistakes_told, screen, tell
from audiostory.errors import (
    ChatError,
    CheckpointError,
    ConfigError,
    CorpusError,
    MeasureError,
)

if TYPE_CHECKING:
    from audiostory.evaluate.understanding.asking import Inquiry
    from audiostory.evaluate.understanding.bill import Bill
    from audiostory.evaluate.understanding.checkpoint import CheckpointListener
    from audiostory.evaluate.understanding.listener import ChatListener
    from audiostory.evaluate.understanding.predictions import Asked
    from audiostory.evaluate.understanding.run import Understanding

MAX_TOLD = 5
"""Items without an answer that are named."""

CorpusFolder = Annotated[
    Path, typer.Option("--corpus", help="Folder of the set: its lists and sounds.", metavar="DIR")
]
MaxMissing = Annotated[int, typer.Option(min=0, help="Recordings of the list that may be missing.")]


def understand(  # noqa: PLR0913 - one parameter per option
    system: Annotated[
        str,
        typer.Argument(
            help="Who is asked: a chat model that hears, gemini:MODEL, openai:MODEL or "
            "openai:MODEL@http://host:port/v1, or the folder of a model with ears.",
            metavar="SYSTEM",
            show_default=False,
        ),
    ],
    item_set: Annotated[
        str,
        typer.Option(
            "--set",
            help="audiocaps or clotho, which are captioned, or clotho-aqa, which is answered.",
            metavar="SET",
            show_default=False,
        ),
    ],
    corpus: CorpusFolder,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", help="What it says; a run goes on with it.", metavar="FILE"),
    ],
    *,
    max_missing: MaxMissing = 0,
    prices: Annotated[
        Path | None,
        typer.Option(
            help="Prices of chat models (docs/benchmark.md); without, costs are unknown.",
            show_default=False,
        ),
    ] = None,
    max_cost: Annotated[
        float | None,
        typer.Option(
            help="What all runs into FILE may cost together, in the prices' currency.",
            show_default=False,
        ),
    ] = None,
    estimate_only: Annotated[
        bool, typer.Option("--estimate", help="Only say what it would take; nothing is sent.")
    ] = False,
    keep_refusals: Annotated[
        bool,
        typer.Option(
            "--keep-refusals",
            help="Take what the system refuses for no answer, which is wrong; else the next run "
            "asks it again.",
        ),
    ] = False,
    threads: Annotated[
        int, typer.Option(min=1, help="Questions that a chat model is asked at the same time.")
    ] = 4,
    device: Device = "cpu",
    debug: Debug = False,
) -> None:
    """Ask a system about every recording of a set, for `understanding` to score."""
    with mistakes_told(debug=debug):
        from audiostory.evaluate.understanding.asking import ask
        from audiostory.evaluate.understanding.bill import Bill, bill_beside

        bill = Bill(bill_beside(output))
        listener = listener_of(system, bill, prices, max_cost, device)
        inquiry = inquiry_of(item_set, corpus, max_missing, listener.name)
        screen().print(f"\n{estimate_in_words(listener, inquiry, output)}", highlight=False)
        if estimate_only:
            return
        refusals: dict[str, str] = {}

        def refused(name: str, why: str) -> str | None:
            refusals[name] = why
            return "" if keep_refusals else None

        try:
            said = ask(
                listener,
                inquiry,
                output,
                refused=refused,
                num_threads=threads if is_remote(system) else 1,
                progress=lambda done, total: tell("asking", done / total),
            )
        finally:
            screen().print()
            typer.echo(spent_in_words(listener, bill))
        for name, why in list(refusals.items())[:MAX_TOLD]:
            typer.echo(f"no answer: {name}: {why}")
        if len(said) < len(inquiry.ids):
            raise ChatError(
                f"{len(refusals)} of {len(inquiry.ids)} items have no answer and are left out of "
                f"{output}: run again to ask them again, or with --keep-refusals to take them "
                "for no answer"
            )
        typer.echo(f"{output}: {len(said)} texts, {len(refusals)} of them refusals")
        typer.echo(f"their scores: {scoring(output, item_set, corpus, max_missing)}")


def understanding(
    predictions: Annotated[
        Path,
        typer.Argument(
            help="What a system said, as `understand` writes it: JSON Lines, a head with task "
            "(captions, answers), set, version and system, then one id and text a line.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    corpus: CorpusFolder,
    *,
    item_set: Annotated[
        str | None,
        typer.Option(
            "--set",
            help="The set with the options it was asked with, as in clotho?audio=FOLDER.",
            metavar="SET",
            show_default="as FILE says",
        ),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(help="When an answer is right: majority, any, unanimous or each annotator."),
    ] = "majority",
    max_missing: MaxMissing = 0,
    debug: Debug = False,
) -> None:
    """Score captions (CIDEr, METEOR, SPICE, SPIDEr) or answers (accuracy) of a system."""
    with mistakes_told(debug=debug):
        typer.echo(markdown(measured(predictions, corpus, protocol, max_missing, item_set)))


def is_remote(system: str) -> bool:
    """Whether a system is a chat model behind an API, and no checkpoint."""
    from audiostory.models.remote.catalogue import CLIENTS

    return system.partition(":")[0] in CLIENTS


def listener_of(
    system: str, bill: Bill, prices: Path | None, max_cost: float | None, device: str
) -> ChatListener | CheckpointListener:
    """The system of a name, ready to be asked about sounds.

    Raises:
        ConfigError: for a limit of cost without a price, or a cost of a checkpoint.
        CheckpointError: if there is no such system.
        ShapeError: if a checkpoint has no ears.
        ChatUnavailableError: if an API's key is not in the environment.
    """
    from audiostory.evaluate.judge.cost import Budget, load_prices, price_for
    from audiostory.evaluate.understanding.listener import ChatListener
    from audiostory.models.remote.catalogue import build_client

    if not is_remote(system):
        return checkpoint_of(system, device, has_cost=prices is not None or max_cost is not None)
    client = build_client(system)
    price = None if prices is None else price_for(client.name, load_prices(prices))
    return ChatListener(client, bill, budget=Budget(max_cost=max_cost, price=price))


def checkpoint_of(system: str, device: str, *, has_cost: bool) -> CheckpointListener:
    """A model of ours.

    Raises:
        ConfigError: if something is said of its cost.
        CheckpointError: if there is no such model, nor any chat model of that name.
        ShapeError: if it has no ears.
    """
    from audiostory.evaluate.understanding.checkpoint import CheckpointListener

    if has_cost:
        raise ConfigError("a checkpoint costs nothing: leave --prices and --max-cost out")
    try:
        return CheckpointListener(system, device=device)
    except CheckpointError as error:
        raise CheckpointError(
            f"{error}; chat models that hear are gemini:MODEL, openai:MODEL and openai:MODEL@URL"
        ) from error


def estimate_in_words(
    listener: ChatListener | CheckpointListener, inquiry: Inquiry, output: Path
) -> str:
    """What asking will probably take."""
    from audiostory.evaluate.understanding.asking import estimate
    from audiostory.evaluate.understanding.listener import ChatListener
    from audiostory.evaluate.understanding.predictions import kept_in

    if isinstance(listener, ChatListener):
        return estimate(listener, inquiry, output).in_words()
    num_kept = len(kept_in(output, inquiry.asked))
    return f"{len(inquiry.ids) - num_kept} questions to ask ({num_kept} more are answered already)"


def inquiry_of(item_set: str, corpus: Path, max_missing: int, system: str) -> Inquiry:
    """All that a system is asked about a set.

    Raises:
        CorpusError: if there is no such set, its files cannot be used, or it would ask for several
            captions of one recording.
    """
    from audiostory.data.sets.catalogue import (
        QUESTION_SETS,
        load_questions,
        load_set,
        set_called,
    )
    from audiostory.evaluate.understanding.asking import answers_wanted, captions_wanted

    if set_called(item_set) in QUESTION_SETS:
        questions = load_questions(item_set, corpus, max_missing=max_missing)
        return answers_wanted(questions, system)
    if "choice=" in item_set:
        raise CorpusError(f"{item_set}: a recording is captioned once: leave the option choice out")
    return captions_wanted(load_set(item_set, corpus, max_missing=max_missing), system)


def spent_in_words(listener: ChatListener | CheckpointListener, bill: Bill) -> str:
    """What was paid for so far; of a checkpoint, how many answers it did not end."""
    from audiostory.evaluate.understanding.listener import ChatListener

    if not isinstance(listener, ChatListener):
        limit = listener.answerer.max_tokens
        return f"{listener.num_cut} answers of this run were cut at {limit} tokens"
    total, price = bill.total, listener.budget.price
    told = f"{total.asks} answers came in all runs, {total.input_tokens:.0f} tokens in and "
    told += f"{total.output_tokens:.0f} out"
    return told if price is None else f"{told}: {price.of(total):.4f} {price.currency}"


def scoring(output: Path, item_set: str, corpus: Path, max_missing: int) -> str:
    """The command that scores a file of predictions."""
    words = ["audiostory", "evaluate", "understanding", str(output), "--corpus", str(corpus)]
    if "?" in item_set:
        words += ["--set", item_set]
    if max_missing:
        words += ["--max-missing", str(max_missing)]
    return shlex.join(words)


def measured(
    predictions: Path,
    corpus: Path,
    protocol: str,
    max_missing: int,
    item_set: str | None = None,
) -> Understanding:
    """The numbers of a file of predictions.

    Raises:
        OutputError: if the file is damaged.
        CorpusError: if the set cannot be read.
        MeasureError: if predictions and set do not fit together.
        ConfigError: if there is no such protocol.
    """
    from typing import cast, get_args

    from audiostory.data.sets.catalogue import load_questions, load_set, set_called
    from audiostory.evaluate.understanding.answers import Protocol
    from audiostory.evaluate.understanding.jars import find_java
    from audiostory.evaluate.understanding.predictions import read_predictions
    from audiostory.evaluate.understanding.run import measure_answers, measure_captions

    asked, said = read_predictions(predictions)
    named = asked.set if item_set is None else item_set
    if set_called(named) != asked.set:
        raise MeasureError(f"{predictions} is about {asked.set}, not {named}: leave --set out")
    if asked.task == "captions":
        items = load_set(named, corpus, max_missing=max_missing)
        check_version(asked, items.version)
        return measure_captions(said, items, system=asked.system, java=find_java())
    if protocol not in get_args(Protocol):
        raise ConfigError(
            f"there is no protocol {protocol!r}: choose from {', '.join(get_args(Protocol))}"
        )
    questions = load_questions(named, corpus, max_missing=max_missing)
    check_version(asked, questions.version)
    chosen = cast("Protocol", protocol)
    return measure_answers(said, questions, system=asked.system, protocol=chosen)


def check_version(asked: Asked, version: str) -> None:
    """Nothing, if predictions answer the set as it is read.

    Raises:
        MeasureError: if they answer another version: other recordings, or another choice of them.
    """
    if asked.version != version:
        raise MeasureError(
            f"these are predictions for {asked.set} {asked.version}, the folder holds {version}: "
            "predict anew (audiostory evaluate understand), or name the folder that was predicted "
            "from, with the same --max-missing"
        )


def markdown(found: Understanding) -> str:
    """The numbers as Markdown, what is missing among them."""
    asked = found.asked
    lines = [
        f"# {asked.system} on {asked.set} {asked.version}: {asked.task}",
        "",
        "| number | value | 95 % interval | recordings | what it is |",
        "|---|---|---|---|---|",
    ]
    for one in found.measured:
        column, value = one.score.column, one.score.value
        told = "–" if value is None else f"{value:.{column.decimals}f}"
        around = one.interval
        spread = "–" if around is None else f"{around.low:.2f} to {around.high:.2f}"
        detail = one.score.missing or column.detail
        lines.append(f"| {column.title} | {told} | {spread} | {one.score.num_units} | {detail} |")
    return "\n".join([*lines, "", *(f"- {note}" for note in found.notes)]) + "\n"
