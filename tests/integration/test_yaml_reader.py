"""kubectl's own packages against their kept answers, and against our reader on generated texts."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from regsweep.adapters.yamlreader import read_documents
from regsweep.errors import UnreadableManifest
from support.manifests import Answer, answers, ask_kubectl, corpus, same

TEXTS = 1500
BUILD_SECONDS = 1200

GOOD = """
y n yes no on off true null ~ 1 0 -1 1.5 1e3 0x1f 0o17 017 08 1_000 .5 .inf = << a b key relu a:b a#b x?y -a a- 2001-01-01 1:30 é
日本 😀 a,b
"""
BAD = """
.nan ?a :a a: *x &x !t %a @a `a 'q "q a'b [a ]a {a }a ,a |a >a - ? : # --- ... http://x/?a=b
"""
ESCAPES = r"\n \t \x41 \u00e9 \U0001F600 \/ \e \N \_ \0 \q \ud800 \x4"
WORDS = st.sampled_from(GOOD.split())
WRITTEN = st.one_of(
    WORDS,
    WORDS,
    WORDS,
    st.sampled_from(BAD.split()),
    st.lists(WORDS, min_size=2, max_size=3).map(" ".join),
    st.text(alphabet="abc01_-:?,[]{}#&*!|>'\"%@`\\ \t.=~<é", max_size=6),
)
QUOTED = st.one_of(
    WRITTEN.map(lambda text: "'{}'".format(text.replace("'", "''"))),
    WRITTEN.map(lambda text: '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))),
    st.sampled_from(ESCAPES.split()).map('"{}"'.format),
)
MARKS = st.sampled_from(["", "", "", "", "", "", "&a ", "&b ", "!!str ", "!!int ", "!!float ", "!t ", "! "])
SCALARS = st.one_of(
    st.builds("{}{}".format, MARKS, st.one_of(WRITTEN, WRITTEN, QUOTED)),
    WRITTEN,
    QUOTED,
    WORDS,
    st.sampled_from(["*a", "1"]),
)
BRACKETS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[{}]".format(", ".join(items))),
        st.lists(st.builds("{}{} {}".format, SCALARS, st.sampled_from([":", ":", " :", ""]), inner), max_size=3).map(
            lambda pairs: "{{{}}}".format(", ".join(pairs))
        ),
    ),
    max_leaves=6,
)
ENDS = st.sampled_from(["", "", " # c", "\t# c", "\t"])


def indented(text: str, by: int) -> str:
    return "\n".join(" " * by + line if line else line for line in text.split("\n"))


BLOCKS = st.builds(
    "{}{}\n{}".format,
    st.sampled_from("|>"),
    st.sampled_from(["", "-", "+", "1", "2", "2-", " # c"]),
    st.lists(st.builds("{}{}".format, st.sampled_from(["  ", "  ", "   ", " ", ""]), WRITTEN), max_size=3).map(
        "\n".join
    ),
)
LEAVES = st.builds("{}{}".format, st.one_of(BRACKETS, BLOCKS), ENDS)
KEYS = st.one_of(st.integers(0, 99).map("k{}".format), st.integers(0, 99).map("k{}".format), st.just("<<"), SCALARS)
NODES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(st.builds(lambda item: "- " + indented(item, 2).lstrip(" "), inner), min_size=1, max_size=3).map(
            "\n".join
        ),
        st.lists(
            st.builds(
                lambda key, colon, value: f"{key}{colon}\n{indented(value, 2)}",
                KEYS,
                st.sampled_from([":", " :"]),
                inner,
            )
            | st.builds("{}: {}".format, KEYS, LEAVES),
            min_size=1,
            max_size=4,
        ).map("\n".join),
    ),
    max_leaves=8,
)
PIECES = [
    *("a", "b", "- ", ": ", ":", "\n", "\n  ", " ", "\t", "# c", "'", '"', "[", "]", "{", "}", ", ", "? ", "|\n  x"),
    *("&a ", "*a", "!t ", "<<: ", "---\n", "...\n", "1", "y", "\\n", "é", "\u2028", "\x85", "\r\n", "\r", "a: b\n"),
    *('{"a": 1}', "%YAML 1.1\n", "\ufeff"),
]
FRAGMENTS = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
TEXT = st.one_of(NODES, NODES, FRAGMENTS, st.builds("{}\n---\n{}".format, NODES, NODES)).map(str.encode)


def generated_texts() -> list[bytes]:
    """The same texts every time."""
    collected: dict[bytes, None] = {}

    @settings(
        max_examples=TEXTS,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(TEXT)
    def collect(text: bytes) -> None:
        collected[text] = None

    collect()
    return list(collected)


@pytest.mark.timeout(BUILD_SECONDS)
def test_kept_answers_match_kubectls_packages() -> None:
    files = corpus()
    current = dict(zip(files, ask_kubectl(list(files.values())), strict=True))
    kept = answers()
    changed = {name: (kept[name], answer) for name, answer in current.items() if not unchanged(kept[name], answer)}
    assert changed == {}, "PYTHONPATH=tests python -m support.manifests writes tests/data/manifests/answers.json anew"


def unchanged(kept: Answer, current: Answer) -> bool:
    return same(kept.documents, current.documents) and same(kept.objects, current.objects)


@pytest.mark.timeout(BUILD_SECONDS)
def test_a_generated_text_is_read_as_by_kubectl_or_refused() -> None:
    texts = generated_texts()
    alike = 0
    wrong = {}
    for text, kubectl in zip(texts, ask_kubectl(texts), strict=True):
        try:
            ours = [document.value for document in read_documents(text)]
        except UnreadableManifest:
            continue
        if kubectl.documents is not None and same(ours, kubectl.documents):
            alike += 1
        else:
            wrong[text] = (ours, kubectl.documents)
    assert wrong == {}
    assert alike > len(texts) / 4, "most texts are refused: they test too little"
