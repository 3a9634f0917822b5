"""What of the environment decides how a training of one's own computes, and is not to be mixed up with what another one decided."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from regsweep.local.identify import DataIdentity
from regsweep.local.settings import backend_of, changed_files, differences, settings_of, shown
from regsweep.local.trainer import TrainerCommand, custom_trainer, python_trainer, reporting_trainer

KERAS = "import keras\n"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without any configuration; the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def script(home: Path, text: str, **modules: str) -> TrainerCommand:
    for name, content in modules.items():
        (home / f"{name}.py").write_text(content)
    (home / "train.py").write_text(text)
    return python_trainer(sys.executable, Path("train.py"))


def configured(home: Path, **content: Any) -> None:
    (home / ".keras").mkdir(exist_ok=True)
    (home / ".keras" / "keras.json").write_text(json.dumps(content))


def settings(home: Path, text: str = KERAS, **variables: str) -> dict[str, str]:
    return settings_of(script(home, text), {"HOME": str(home), **variables})


@pytest.mark.parametrize(
    ("variables", "content", "found"),
    [
        pytest.param({}, {}, {}, id="nothing is said"),
        pytest.param({"KERAS_BACKEND": "tensorflow"}, {}, {}, id="the usual one is named"),
        pytest.param({"KERAS_BACKEND": ""}, {"backend": "tensorflow"}, {}, id="the variable is empty"),
        pytest.param({"KERAS_BACKEND": "torch"}, {}, {"keras.backend": "torch"}, id="by the variable"),
        pytest.param({}, {"backend": "jax"}, {"keras.backend": "jax"}, id="by keras.json"),
        pytest.param({"KERAS_BACKEND": "torch"}, {"backend": "jax"}, {"keras.backend": "torch"}, id="the variable wins"),
        pytest.param({"KERAS_BACKEND": "tensorflow"}, {"backend": "jax"}, {}, id="and leads back to the usual one"),
        pytest.param({"KERAS_BACKEND": "x" * 99}, {}, {"keras.backend": "3d2838acce9ab7eb"}, id="a long value is not kept"),
        pytest.param({}, {"floatx": "float64", "epsilon": 1e-3}, {"keras.floatx": "float64", "keras.epsilon": "0.001"}, id="precision"),
        pytest.param({}, {"image_data_format": "channels_first"}, {"keras.image_data_format": "channels_first"}, id="images"),
        pytest.param(
            {},
            {"floatx": "float32", "epsilon": 1e-07, "backend": "tensorflow", "image_data_format": "channels_last"},
            {},
            id="what Keras itself writes there",
        ),
        pytest.param({"KERAS_MAX_EPOCHS": "2"}, {}, {"keras.max_epochs": "2"}, id="fewer epochs than the script says"),
        pytest.param({"KERAS_MAX_STEPS_PER_EPOCH": "9"}, {}, {"keras.max_steps_per_epoch": "9"}, id="fewer steps"),
        pytest.param({"TF_USE_LEGACY_KERAS": "1"}, {}, {"TF_USE_LEGACY_KERAS": "True"}, id="an older Keras"),
        pytest.param({"TF_USE_LEGACY_KERAS": "0", "JAX_ENABLE_X64": "false"}, {}, {}, id="switches that are off"),
        pytest.param({"JAX_ENABLE_X64": "True"}, {}, {"JAX_ENABLE_X64": "True"}, id="double precision"),
        pytest.param({"JAX_THREEFRY_PARTITIONABLE": "0"}, {}, {"JAX_THREEFRY_PARTITIONABLE": "0"}, id="other random numbers"),
        pytest.param({"OMP_NUM_THREADS": "3", "TF_ENABLE_ONEDNN_OPTS": "1", "LR": "9"}, {}, {}, id="what the script does not read"),
    ],
)  # fmt: skip
def test_what_keras_would_take_is_what_counts(
    home: Path, variables: dict[str, str], content: dict[str, Any], found: dict[str, str]
) -> None:
    if content:
        configured(home, **content)
    assert settings(home, **variables) == found


def test_keras_json_is_looked_for_where_keras_looks(home: Path) -> None:
    configured(home, backend="jax")
    other = home / "other"
    (other / ".keras").mkdir(parents=True)
    assert settings(home, KERAS_HOME=str(other)) == {}
    (other / "keras.json").write_text('{"backend": "torch"}')
    assert settings(home, KERAS_HOME=str(other)) == {"keras.backend": "torch"}
    assert settings(home, KERAS_HOME="~/other") == {"keras.backend": "torch"}
    assert backend_of({"HOME": str(home)}) == "jax"


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b'{"backend": null}', b""], ids=repr)
def test_a_file_that_is_no_configuration_says_nothing(home: Path, content: bytes) -> None:
    configured(home)
    (home / ".keras" / "keras.json").write_bytes(content)
    assert settings(home) == {}


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        pytest.param("import keras\n", True, id="imports Keras"),
        pytest.param("def build():\n    from tensorflow.keras import layers\n", True, id="imports it late"),
        pytest.param("import autokeras\n", True, id="imports a package that may"),
        pytest.param("from net import build\n", True, id="imports a module of its own that does"),
        pytest.param("import json\nimport torch, numpy as np\nfrom sklearn import svm\n", False, id="imports none that does"),
        pytest.param("", False, id="imports nothing"),
    ],
)  # fmt: skip
def test_keras_settings_count_where_the_script_may_use_it(home: Path, text: str, counts: bool) -> None:
    trainer = script(home, text, net="import keras\n")
    found = settings_of(trainer, {"HOME": str(home), "KERAS_BACKEND": "torch"})
    assert found == ({"keras.backend": "torch"} if counts else {})


def test_of_a_command_without_a_script_to_look_into_they_count(home: Path) -> None:
    assert settings_of(custom_trainer("sh train.sh"), {"HOME": str(home), "KERAS_BACKEND": "torch"}) == {
        "keras.backend": "torch"
    }


def test_a_script_under_the_wrapper_is_looked_into(home: Path) -> None:
    trainer = reporting_trainer(script(home, "import os\nrate = os.environ['LR']\n"))
    assert list(settings_of(trainer, {"HOME": str(home), "KERAS_BACKEND": "torch", "LR": "0.1"})) == ["LR"]


def test_the_reference_trainer_says_itself_what_it_computes_with(home: Path) -> None:
    trainer = TrainerCommand(("python", "-m", "regsweep_trainer"), "process:regsweep-trainer", is_reference=True)
    assert settings_of(trainer, {"HOME": str(home), "KERAS_BACKEND": "jax"}) == {}


@pytest.mark.parametrize(
    "read",
    [
        "os.environ['LR']", "os.environ.get('LR', 1)", "os.getenv('LR')", "environ['LR']", "getenv('LR', '1')", "'LR' in os.environ",
        "os.environ.setdefault('LR', '1')", "os.environ.pop('LR')", "'LR' not in environ",
    ],
)  # fmt: skip
def test_a_variable_that_the_script_reads_counts_by_its_value(home: Path, read: str) -> None:
    text = f"import os\nfrom os import environ, getenv\n{read}\n"
    one, other, none = (settings(home, text, **each) for each in ({"LR": "1"}, {"LR": "2"}, {}))
    assert list(one) == list(other) == ["LR"]
    assert one != other
    assert none == {}
    assert "1" not in one.values(), "it may be a secret"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        pytest.param("os.environ['LR'] = '1'", "LR", id="it sets it"),
        pytest.param("os.environ['HOME']", "HOME", id="says where, not what"),
        pytest.param("os.getenv('CUDA_VISIBLE_DEVICES')", "CUDA_VISIBLE_DEVICES", id="the device"),
        pytest.param("os.getenv('WANDB_MODE')", "WANDB_MODE", id="of a service"),
        pytest.param("os.environ['HF_TOKEN']", "HF_TOKEN", id="a credential"),
        pytest.param("os.environ['MY_API_KEY']", "MY_API_KEY", id="a key"),
        pytest.param("os.environ['PBS_JOBID']", "PBS_JOBID", id="of a scheduler"),
        pytest.param("os.environ['MY_JOB_ID']", "MY_JOB_ID", id="another one each time"),
        pytest.param("os.environ['REGSWEEP_SEED']", "REGSWEEP_SEED", id="of the contract"),
        pytest.param("os.environ[name]", "name", id="its name is not written down"),
    ],
)
def test_a_variable_that_decides_no_result_does_not_count(home: Path, text: str, name: str) -> None:
    assert settings(home, f"import os\n{text}\n", **{name: str(home)}) == {}


def test_a_variable_that_a_module_of_the_script_reads_counts(home: Path) -> None:
    trainer = script(home, "import net\n", net="import os\nRATE = os.getenv('LR')\n")
    assert list(settings_of(trainer, {"HOME": str(home), "LR": "1"})) == ["LR"]


def test_a_value_that_is_no_text_counts_too(home: Path) -> None:
    assert list(settings(home, "import os\nos.getenv('LR')\n", LR="\udcff")) == ["LR"]


def test_a_script_that_cannot_be_read_has_no_settings_but_keras(home: Path) -> None:
    assert settings(home, "def (", KERAS_BACKEND="torch") == {"keras.backend": "torch"}


@pytest.mark.parametrize(
    ("command", "args", "names"),
    [
        pytest.param("python train.py --config=conf.yaml", [], ["conf.yaml"], id="after an option of the command"),
        pytest.param("python train.py conf.yaml", [], [], id="an argument of the command, which is part of the trainer"),
        pytest.param("python train.py", ["--config=conf.yaml", "b.csv"], ["b.csv", "conf.yaml"], id="in what the manifest adds"),
        pytest.param("python -m train", [], ["train.py"], id="a module"),
        pytest.param("python -m pkg.sub", [], ["pkg/sub.py"], id="a module of a package"),
        pytest.param("python -m pkg", [], ["pkg/__main__.py"], id="a package"),
        pytest.param("python -m torch.distributed.run", [], [], id="somebody else's module"),
        pytest.param("env A=1 python -m train", [], ["train.py"], id="a module behind another program"),
        pytest.param("python -m", [], [], id="nothing"),
        pytest.param("python train.py --log=conf.yaml --model-out=b.csv", ["--save_to=x", "results.csv"], [], id="what it writes"),
        pytest.param("python train.py --config=", ["--l2=$(REGSWEEP_ARG_L2)", "x" * 5000, "a\0b"], [], id="what is no file"),
    ],
)  # fmt: skip
def test_a_file_that_the_command_names_counts_by_its_content(
    home: Path, command: str, args: list[str], names: list[str]
) -> None:
    for name in ("train.py", "conf.yaml", "b.csv", "results.csv", "x", "pkg/sub.py", "pkg/__main__.py", "pkg/net.py"):
        (home / name).parent.mkdir(exist_ok=True)
        (home / name).write_text("import pkg.net\n" if name.startswith("pkg/") else "")
    trainers = [custom_trainer(command), reporting_trainer(custom_trainer(command))]
    before, wrapped = (settings_of(each, {"HOME": str(home)}, args) for each in trainers)
    assert [name.removeprefix("file ") for name in before] == names
    assert wrapped == before
    assert shown(before) == []
    for name in [*names, *(["pkg/net.py"] if "pkg" in command else [])]:
        (home / name).write_text((home / name).read_text() + "# edited")
        now = settings_of(trainers[0], {"HOME": str(home)}, args)
        (changed,) = changed_files(before, now)
        assert changed in names, "or its module has changed"
        assert differences(before, now) == []
        before = now


def test_a_module_is_looked_into_as_a_script_is(home: Path) -> None:
    (home / "train.py").write_text("import os, net\nos.getenv('LR')\n")
    (home / "net.py").write_text("import keras\n")
    found = settings_of(custom_trainer("python -m train"), {"HOME": str(home), "LR": "1", "KERAS_BACKEND": "jax"})
    assert {"LR", "keras.backend"} < found.keys()


def test_what_is_set_is_part_of_what_results_rest_on_and_the_usual_is_not() -> None:
    plain = DataIdentity("1f0c", 1)
    torch = DataIdentity("1f0c", 1, settings={"keras.backend": "torch"})
    assert plain.revision == "1f0c, 1", "results of earlier versions keep their keys"
    assert (
        len({plain.revision, torch.revision, DataIdentity("1f0c", 1, settings={"keras.backend": "jax"}).revision}) == 3
    )
    assert DataIdentity("1f0c", 1, settings=torch.settings, usual=torch.settings).revision == plain.revision
    assert DataIdentity("1f0c", 1, usual=torch.settings).revision not in (plain.revision, torch.revision)


@pytest.mark.parametrize(
    ("before", "now", "words"),
    [
        pytest.param({}, {"keras.backend": "torch"}, "keras.backend: tensorflow -> torch", id="from the usual"),
        pytest.param({"keras.max_epochs": "2"}, {}, "keras.max_epochs: 2 -> unset", id="to what has no value"),
        pytest.param({}, {"LR": "1f"}, "LR is set now", id="a variable that was not set"),
        pytest.param({"LR": "1f"}, {}, "LR is no longer set", id="one that was"),
        pytest.param({"LR": "1f"}, {"LR": "9a"}, "LR has another value", id="whose value is not told"),
    ],
)
def test_a_change_is_said(before: Mapping[str, str], now: Mapping[str, str], words: str) -> None:
    assert differences(before, now) == [words]


def test_what_is_set_is_shown_without_what_may_be_a_secret() -> None:
    assert shown({"LR": "1f0c", "keras.backend": "torch"}) == ["LR", "keras.backend torch"]


@pytest.mark.parametrize(
    "text", ["import pkg.net\n", "from pkg import net\n", "from . import net\n", "from .net import f\n"]
)
def test_a_module_counts_with_those_that_it_imports_however_it_names_them(home: Path, text: str) -> None:
    (home / "pkg").mkdir()
    (home / "pkg" / "sub.py").write_text(text)
    (home / "pkg" / "net.py").write_text("")
    before = settings_of(custom_trainer("python -m pkg.sub"), {"HOME": str(home)})
    (home / "pkg" / "net.py").write_text("f = 1\n")
    assert settings_of(custom_trainer("python -m pkg.sub"), {"HOME": str(home)}) != before
