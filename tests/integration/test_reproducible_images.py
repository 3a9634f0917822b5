"""An image is its sources: built twice from nothing it is the same, and it says what it is."""

from __future__ import annotations

import json

import pytest

from cluster import buildah, images
from cluster.commands import run
from cluster.images import ContainerfileImage


@pytest.mark.long
@pytest.mark.timeout(1800)  # two whole builds, five minutes each on two processors that have other work
@pytest.mark.parametrize(
    "image",
    [
        pytest.param(images.OPERATOR, id="operator"),
        pytest.param(images.TRAINER, id="trainer"),
        pytest.param(images.TRAINER_JAX, id="trainer with JAX"),
    ],
)
def test_two_builds_that_share_nothing_are_one_image(image: ContainerfileImage) -> None:
    found = []
    for number in range(2):
        reference = f"localhost/{image.name}-again:{number}"
        with buildah.context([image.containerfile, *image.sources]) as context:
            image.build(reference, context, anew=True)
        found.append(buildah.identity(reference))
        labels = json.loads(run([*buildah.program(), "inspect", "--type=image", reference]))["OCIv1"]["config"][
            "Labels"
        ]
        buildah.remove(reference)
    assert found[0] and found[0] == found[1]
    assert labels["org.opencontainers.image.version"] == images.version()
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
