"""Reference pages: their tables are made from the code, so they cannot tell last month's story."""

import re

from crossfade.domain.lifecycle import TABLE
from crossfade.domain.runs import STAGES, Phase
from crossfade.events import subjects
from crossfade.runtime.topology import DURABLES, buckets, streams
from crossfade.settings import BusSettings

DAY = 86_400


def sentence(thing):
    return " ".join((thing.__doc__ or "").split("\n\n")[0].split()).replace("|", "\\|")


def between(root, page, table):
    """The page with a table put between its two marks."""
    text = (root / page).read_text(encoding="utf-8")
    return re.sub(
        r"(<!-- made from .*? -->\n).*?(<!-- end -->)",
        rf"\g<1>\n{table}\n\g<2>",
        text,
        flags=re.DOTALL,
    )


def lifecycle():
    rows = ["| Phase (stage) | Fact | What follows |", "|---|---|---|"]
    for phase in Phase:
        for (of, fact), row in TABLE.items():
            if of is phase:
                told = sentence(row)
                rows.append(
                    f"| {phase} ({STAGES[phase]}) | {fact.__name__}: {sentence(fact)} | {told} |"
                )
    return "\n".join(rows) + "\n"


def topology():
    settings = BusSettings()
    rows = ["## Streams", "", "| Stream | Subjects | Kept |", "|---|---|---|"]
    for stream in streams(settings):
        named = ", ".join(f"`{s}`" for s in stream.subjects)
        how = (
            "until handled"
            if "WORK" in str(stream.retention).upper()
            else f"{stream.max_age / DAY:g} days"
        )
        rows.append(
            f"| `{stream.name}` | {named} | {how}, at most {stream.max_bytes / (1 << 20):g} MB |"
        )
    rows += ["", "## Buckets", "", "| Bucket | Kept |", "|---|---|"]
    for bucket in buckets(settings):
        kept = f"{bucket.ttl / DAY:g} days unchanged" if bucket.ttl else "until forgotten"
        rows.append(f"| `{bucket.bucket}` | {kept} |")
    rows += ["", "## Consumers", "", "| Service | Stream | Sees |", "|---|---|---|"]
    for service, durables in DURABLES.items():
        for durable in durables:
            seen = ", ".join(f"`{f}`" for f in durable.filters)
            rows.append(f"| {service} | `{durable.stream}` | {seen} |")
    rows.append(
        "| console | `CROSSFADE_EVENTS` | everything, with an ordered consumer of its own |"
    )
    return "\n".join(rows) + "\n"


def test_the_table_of_the_lifecycle_is_the_codes(root, recorded):
    page = "docs/reference/lifecycle.md"
    recorded(page, between(root, page, lifecycle()))


def test_streams_buckets_and_consumers_are_the_codes(root, recorded):
    page = "docs/reference/subjects-and-buckets.md"
    recorded(page, between(root, page, topology()))


def test_every_key_and_verb_that_the_code_spells_is_on_the_page(root):
    text = (root / "docs/reference/subjects-and-buckets.md").read_text()
    spelt = [
        subjects.document_key("<uid>", 1).replace(".1", ".<revision>"),
        subjects.state_key("<uid>"),
        subjects.open_key("<uid>"),
        subjects.lease_key("<uid>"),
        "name.<namespace>.<name>",
        "target.<32 hex>",
    ]
    assert [key for key in spelt if f"`{key}`" not in text] == []
    made = {n for n in vars(subjects) if n.endswith("_key")}
    assert made == {
        f"{n}_key" for n in ("document", "state", "name", "target", "own", "open", "lease")
    }


def test_every_kind_of_event_and_every_absence_is_on_its_page(root):
    from crossfade.events import ABSENCES, CATALOGUE

    text = (root / "docs/reference/events.md").read_text()
    assert [word for word in (*CATALOGUE, *ABSENCES) if f"`{word}`" not in text] == []
