"""The reader against what kubectl's own packages read in the same files (see support/manifests.py)."""

from __future__ import annotations

import pytest

from regsweep.adapters.yamlreader import read_documents, read_objects
from regsweep.errors import UnreadableManifest
from support.manifests import STRICTER, Answer, answers, corpus, same

CORPUS = corpus()
ANSWERS = answers()

STRICTER_SCALARS = {
    "brackets a:": "Quote strings that end with a colon",
    "brackets a]b": "text after the end of the document",
    "brackets ]a": "text after the end of the document",
    "brackets !a": "Put a space before the comma",
    "brackets !!str": "Put a space before the comma",
    "brackets !a,b c": "Put a space before the comma",
    "value !a,b c": "Put a space after a tag",
    "key !a,b c": "Put a space after a tag",
    "value !!binary /w==": "whose bytes are not UTF-8",
    "key !!binary /w==": "whose bytes are not UTF-8",
    "brackets !!binary /w==": "whose bytes are not UTF-8",
}
"""Scalars that kubectl reads in some place and regsweep refuses on purpose, with a part of the message."""
STRICTER_NAMES = [name for name in CORPUS if name.startswith(STRICTER) or name in STRICTER_SCALARS]


def ours(file: bytes) -> Answer:
    """What our reader makes of the file."""
    try:
        documents = [document.value for document in read_documents(file)]
    except UnreadableManifest:
        return Answer(None, None)
    try:
        return Answer(documents, [dict(each.value) for each in read_objects(file)])
    except UnreadableManifest:
        return Answer(documents, None)


def test_every_file_of_the_corpus_has_an_answer() -> None:
    assert list(CORPUS) == list(ANSWERS)
    assert len(CORPUS) > 1000


def test_kubectl_and_regsweep_read_the_same() -> None:
    read = {name: ours(file) for name, file in CORPUS.items() if name not in STRICTER_NAMES}
    other = {
        name: (answer, ANSWERS[name])
        for name, answer in read.items()
        if not same(answer.documents, ANSWERS[name].documents) or not same(answer.objects, ANSWERS[name].objects)
    }
    assert other == {}


@pytest.mark.parametrize("name", STRICTER_NAMES)
def test_what_kubectl_would_silently_lose_is_refused(name: str) -> None:
    assert ANSWERS[name].documents is not None, "kubectl refuses it as well: this is nothing stricter"
    with pytest.raises(UnreadableManifest, match=STRICTER_SCALARS.get(name)):
        if "objects/" in name:
            read_objects(CORPUS[name])
        else:
            read_documents(CORPUS[name])
