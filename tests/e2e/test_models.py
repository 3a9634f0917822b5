"""Models of the final evaluation on a volume of the real node: `regsweep model` says where they are, and Keras reads them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from support.stage import TRAINING_SECONDS, Lab, sweep
from support.volumes import claimed

PARAMETERS = {"dataset": "iris", "units": [16], "epochs": 20, "learning_rate": 0.02}
PREDICT = """
import json, sys
import keras
from sklearn.datasets import load_iris
x, y = load_iris(return_X_y=True)
probabilities = keras.ops.convert_to_numpy(keras.models.load_model(sys.argv[1])(keras.ops.convert_to_tensor(x)))
print(json.dumps([list(probabilities.shape), float((probabilities.argmax(1) == y).mean())]))
"""


def test_the_final_trainings_leave_their_models_on_the_volume_and_the_command_finds_the_picks(
    lab: Lab, tmp_path: Path
) -> None:
    folder = tmp_path / "volume"
    folder.mkdir()
    folder.chmod(0o777)
    volume = {"name": "models", "persistentVolumeClaim": {"claimName": "models"}}
    made = sweep(
        "s",
        flags=[{"name": "l2", "values": [0, 3]}],
        replicates=2,
        parallelism=2,
        final={"evaluate": "Test", "replicates": 3},
        trainer={"gpus": 0, "parameters": PARAMETERS, "models": {"volumeName": "models"}},
        template={"spec": {"volumes": [volume]}},
    )
    lab.apply(*claimed(lab, "models", folder), made)
    lab.until_condition("s", "Complete", seconds=TRAINING_SECONDS)
    picks = len(lab.status("s")["final"]["picks"])
    saved = sorted(path.relative_to(folder) for path in folder.rglob("*.keras"))
    assert [path.name for path in saved] == [f"replicate-{number}.keras" for number in range(3)] * picks
    assert len({path.parent for path in saved}) == picks, "each pick has its folder, and the grid has none"

    command: list[str | Path] = [sys.executable, "-m", "regsweep.cli", "model", "s", "--pick", "best"]
    command += ["--output", tmp_path / "card"]
    command += ["--namespace", lab.namespace, "--kubeconfig", lab.stage.cluster.kubeconfig]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    (told,) = set(re.findall(r"\S+\.keras(?= on volume models)", " ".join(done.stdout.split())))
    assert Path(told) in saved
    card = json.loads((tmp_path / "card" / "card.json").read_text())
    assert card["flags"] == {"l2": 0}, "a penalty of 3 leaves nothing but the average"
    predicted = subprocess.run(
        [sys.executable, "-c", PREDICT, folder / told], check=True, capture_output=True, text=True
    ).stdout
    shape, accuracy = json.loads(predicted.splitlines()[-1])
    assert shape == [150, 3] and accuracy > 0.8, "from raw rows: what prepares them is inside"
    lab.kubectl("delete", "persistentvolume", lab.namespace, "--wait=false")
