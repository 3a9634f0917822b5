"""Processes that are forked from one that has imported what they need: each is as good as a fresh one, and alone."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from regsweep.local.gpus import Gpus
from regsweep.local.preloading import Warmth
from regsweep.local.process import Process
from regsweep.local.starting import Launch, Starter
from regsweep.local.trainer import TrainerCommand

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs are forked on Linux alone")

DEADLINE_SECONDS = 60.0


@dataclass
class Place:
    """A folder with a script, and with a module that it imports beforehand."""

    path: Path
    module: str = ""
    """Its text."""
    held: tuple[int, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    starters: list[Starter] = field(default_factory=list)

    def starter(
        self,
        text: str,
        *,
        warm: bool = True,
        interpreter: str = sys.executable,
        name: str = "heavy",
        gpus: Gpus | None = None,
    ) -> Starter:
        """Of a script with this text. name: of the module."""
        (self.path / "lib").mkdir(exist_ok=True)
        (self.path / "lib" / f"{name}.py").write_text(f"import os\nwho = os.getpid()\n{self.module}\n")
        script = self.path / "scripts" / "train.py"
        script.parent.mkdir(exist_ok=True)
        script.write_text(text)
        warmth = Warmth((interpreter,), (name,), script=str(script))
        trainer = TrainerCommand((interpreter, str(script)), "process:0", warmth=warmth)
        self.starters.append(Starter(trainer, warm=warm, gpus=gpus))
        return self.starters[-1]

    async def start(self, starter: Starter, *arguments: str, log: str = "output.log") -> Process:
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.path / "lib"),
            "PYTHONUNBUFFERED": "1",
            "REGSWEEP_RUN": log,
        }
        environment |= self.variables
        return await starter.start(Launch(arguments, environment, self.path / log, self.held, grace_seconds=0.5))

    async def output(self, starter: Starter, *arguments: str, log: str = "output.log") -> tuple[int, str]:
        """(exit status, all that it printed) of a process."""
        code = await ended(await self.start(starter, *arguments, log=log))
        return code, (self.path / log).read_text()


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    made = Place(tmp_path)
    yield made
    for starter in made.starters:
        await starter.close()


async def until(holds: Callable[[], bool]) -> None:
    """Looks again and again until it holds; fails at the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it never came to pass"
        await asyncio.sleep(0.01)


async def ended(process: Process) -> int:
    """Its exit status, once it has ended; fails at the deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        return await process.wait()


def is_alive(pid: int) -> bool:
    try:
        return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def holds(pid: int, path: Path) -> bool:
    """Whether the process has the file open."""
    return path in [each.readlink() for each in Path(f"/proc/{pid}/fd").iterdir()]


def numbers(path: Path) -> list[int]:
    """That a script has printed into the file so far, one a line; the last line may be cut."""
    return (
        [int(line) for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
        if path.exists()
        else []
    )


LIKE_A_FRESH_ONE = """
import heavy, os, signal, sys, threading, pickle, __main__
def function(): ...
print(sys.argv[1:], os.path.basename(sys.argv[0]), sys.path[0] == os.path.dirname(os.path.realpath(__file__)))
print(__name__, __main__.__file__ == __file__, __spec__, __package__, pickle.loads(pickle.dumps(function)) is function)
print(os.getcwd(), sorted(os.environ.items()), sys.stdin.read() == "", os.getsid(0) == os.getpid())
print([str(signal.getsignal(each)) for each in sorted(signal.valid_signals())], signal.pthread_sigmask(0, []))
print(threading.current_thread() is threading.main_thread(), threading.active_count(), sys.orig_argv[1:])
print(sys.stdout.encoding, sys.stdout.line_buffering, sys.stdout.write_through, sys.stderr.fileno(), sys.flags)
print(sorted(os.path.basename(os.readlink(f"/proc/self/fd/{each}")) for each in (0, 1, 2)))
sys.exit(7)
"""


async def test_a_forked_process_is_as_a_fresh_one_is(place: Place) -> None:
    warm = await place.output(place.starter(LIKE_A_FRESH_ONE), "--a", "b c")
    (place.path / "output.log").unlink()
    fresh = await place.output(place.starter(LIKE_A_FRESH_ONE, warm=False), "--a", "b c")
    assert warm == fresh
    assert warm[0] == 7, warm


async def test_what_is_needed_is_imported_once(place: Place) -> None:
    starter = place.starter("import heavy; print(heavy.who)")
    seen = {(await place.output(starter, log=f"{run}.log"))[1] for run in range(3)}
    assert len(seen) == 1


@pytest.mark.parametrize(
    ("name", "backend", "forked"),
    [
        pytest.param("keras", "", True, id="its usual backend"),
        pytest.param("keras", "tensorflow", True, id="the usual one by name"),
        pytest.param("keras", "jax", True, id="JAX"),
        pytest.param("keras", "torch", False, id="another one"),
        pytest.param("heavy", "torch", True, id="without Keras"),
    ],
)
async def test_a_script_with_keras_is_forked_on_backends_of_which_equal_results_were_seen(
    place: Place, name: str, backend: str, forked: bool
) -> None:
    place.variables = {"KERAS_BACKEND": backend, "HOME": str(place.path)}
    starter = place.starter(f"import {name}; print({name}.who)", name=name)
    seen = {(await place.output(starter, log=f"{run}.log"))[1] for run in range(2)}
    assert len(seen) == (1 if forked else 2)


async def test_what_importing_prints_is_in_each_console_and_an_errors_trace_is_the_scripts_own(place: Place) -> None:
    place.module = "print('imported', flush=True)"
    text = "import heavy\ndef f():\n    raise ValueError('broken')\nf()"
    warm = place.starter(text)
    for run in range(2):
        code, printed = await place.output(warm, log=f"{run}.log")
        assert (code, printed) == await place.output(place.starter(text, warm=False), log=f"fresh{run}.log")
        assert code == 1
        assert printed.startswith("imported\nTraceback")


async def test_a_script_that_is_no_python_says_so_as_python_does(place: Place) -> None:
    text = "import heavy\nif:"
    warm = await place.output(place.starter(text))
    assert warm == await place.output(place.starter(text, warm=False), log="fresh.log")
    assert "SyntaxError" in warm[1]


async def test_what_one_run_changes_no_other_sees(place: Place) -> None:
    text = """
import heavy, os, sys, atexit
print(getattr(heavy, "mark", None), os.environ.get("MARK"), os.getcwd(), "marked" in sys.modules, os.umask(0o22), flush=True)
heavy.mark = os.environ["MARK"] = "changed"
sys.modules["marked"] = sys
os.chdir("/")
os.umask(0)
"""
    starter = place.starter(text)
    first = await place.output(starter, log="1.log")
    assert await place.output(starter, log="2.log") == first
    assert first[1].startswith("None None")


async def test_unseeded_draws_differ_between_runs(place: Place) -> None:
    place.module = "import random\nimport numpy.random"
    starter = place.starter("import heavy, random, numpy\nprint(random.random(), numpy.random.random())")
    drawn = [(await place.output(starter, log=f"{run}.log"))[1].split() for run in range(2)]
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param("import sys; sys.exit(0)", 0, id="sys.exit(0)"),
        pytest.param("import sys; sys.exit('no')", 1, id="sys.exit with a text"),
        pytest.param("import os; os._exit(9)", 9, id="os._exit"),
        pytest.param("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", 137, id="SIGKILL"),
        pytest.param("import ctypes; ctypes.string_at(0)", 139, id="a crash in C"),
        pytest.param("import os; os.abort()", 134, id="abort"),
        pytest.param("raise KeyboardInterrupt", 130, id="KeyboardInterrupt"),
        pytest.param(
            "import resource; resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)); b'x' * (1 << 31)",
            1,
            id="it takes too much memory",
        ),
    ],
)
async def test_however_one_run_ends_the_next_is_well(place: Place, text: str, code: int) -> None:
    starter = place.starter(f"import sys, heavy\nif len(sys.argv) > 1: print(heavy.who); sys.exit()\n{text}")
    before = await place.output(starter, "well", log="before.log")
    assert (await place.output(starter))[0] == code
    assert await place.output(starter, "well", log="after.log") == before


async def test_a_hanging_run_is_ended_and_so_is_all_that_it_forked(place: Place) -> None:
    text = """
import heavy, os, signal, time
for _ in range(2):
    if os.fork() == 0: break
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.write(1, f"{os.getpid()}\\n".encode())  # at once: three write the same file
time.sleep(1000)
"""
    starter = place.starter(text)
    process = await place.start(starter)
    await until(lambda: len(numbers(place.path / "output.log")) == 3)
    process.terminate()
    assert await ended(process) == 137
    await until(lambda: not any(map(is_alive, numbers(place.path / "output.log"))))


async def test_processes_that_a_run_leaves_behind_end_with_it(place: Place) -> None:
    text = "import heavy, os, time\nif os.fork() == 0: print(os.getpid(), flush=True); time.sleep(1000)\nelse: time.sleep(0.2)"
    code, printed = await place.output(place.starter(text))
    assert code == 0
    await until(lambda: not is_alive(int(printed)))


WAITING = "import heavy, os, time\nprint(os.getpid(), os.getppid(), heavy.who, sep='\\n', flush=True)\ntime.sleep(1000)"


async def test_runs_outlive_their_server_and_the_next_run_gets_another(place: Place) -> None:
    starter = place.starter(WAITING)
    process = await place.start(starter, log="1.log")
    await until(lambda: len(numbers(place.path / "1.log")) == 3)
    trainer, _, server = numbers(place.path / "1.log")
    os.kill(server, signal.SIGKILL)
    await until(lambda: not is_alive(server))
    second = await place.start(starter, log="2.log")
    await until(lambda: len(numbers(place.path / "2.log")) == 3)
    assert is_alive(trainer)
    assert numbers(place.path / "2.log")[2] != server
    for each in (process, second):
        each.kill()
        assert await ended(each) == 137


async def test_a_trainer_does_not_outlive_its_guard(place: Place) -> None:
    process = await place.start(place.starter(WAITING))
    await until(lambda: len(numbers(place.path / "output.log")) == 3)
    trainer, guard, _ = numbers(place.path / "output.log")
    os.kill(guard, signal.SIGKILL)
    assert await ended(process) == 137
    await until(lambda: not is_alive(trainer))


async def test_the_server_does_not_hold_a_runs_lock_and_the_guard_does(place: Place) -> None:
    held = os.open(place.path / "lock", os.O_CREAT | os.O_RDWR)
    place.held = (held,)
    process = await place.start(place.starter(WAITING))
    os.close(held)
    await until(lambda: len(numbers(place.path / "output.log")) == 3)
    holding = [holds(pid, place.path / "lock") for pid in numbers(place.path / "output.log")]
    assert holding == [False, True, False]
    process.kill()
    assert await ended(process) == 137


async def test_a_run_that_is_ended_while_the_server_still_imports_never_begins(place: Place) -> None:
    place.module = f"import pathlib, time\npathlib.Path({str(place.path / 'importing')!r}).touch()\ntime.sleep(1000)"
    process = await place.start(place.starter("print('begun')"))
    await until(lambda: (place.path / "importing").exists())
    process.terminate()
    assert await ended(process) == 143
    assert (place.path / "output.log").read_text() == ""


@pytest.mark.parametrize(
    "module",
    [
        pytest.param("raise ImportError('broken')", id="what cannot be imported"),
        pytest.param("import sys; sys.exit(0)", id="what ends the interpreter"),
        pytest.param("os.abort()", id="what crashes"),
        pytest.param(
            "import threading; threading.Thread(target=threading.Event().wait, daemon=True).start()", id="a thread"
        ),
    ],
)
async def test_what_is_not_safe_to_fork_is_started_afresh(place: Place, module: str) -> None:
    place.module = f"if os.environ.get('REGSWEEP_RUN') is None:\n    {module}"
    starter = place.starter("import heavy, os; print(heavy.who == os.getpid())")
    for run in range(2):
        assert await place.output(starter, log=f"{run}.log") == (0, "True\n")


async def test_an_interpreter_that_is_not_there_is_said_in_the_console(place: Place) -> None:
    starter = place.starter("import heavy", interpreter="/nowhere/python")
    for run in range(2):
        assert await place.output(starter, log=f"{run}.log") == (
            127,
            "cannot start /nowhere/python: No such file or directory\n",
        )


async def test_a_server_that_is_killed_again_and_again_is_not_needed(place: Place) -> None:
    place.module = "if 'REGSWEEP_RUN' not in os.environ: os.kill(os.getpid(), 9)"
    starter = place.starter("import heavy, os; print(heavy.who == os.getpid())")
    for run in range(4):
        assert await place.output(starter, log=f"{run}.log") == (0, "True\n")


@pytest.mark.parametrize("name", ["heavy.py", "textwrap.py", "heavy/__init__.py"])
async def test_a_module_beside_the_script_is_taken_as_by_a_fresh_process(place: Place, name: str) -> None:
    place.module = "import textwrap"
    starter = place.starter("import heavy, textwrap; print(getattr(heavy, 'mine', 0) or getattr(textwrap, 'mine', 0))")
    own = place.path / "scripts" / name
    own.parent.mkdir(exist_ok=True)
    own.write_text("mine = 1")
    assert await place.output(starter) == (0, "1\n")


async def test_a_process_with_gpus_starts_afresh_and_gives_them_to_the_next_one(place: Place) -> None:
    starter = place.starter(
        "import heavy, os; print(heavy.who == os.getpid(), os.environ['CUDA_VISIBLE_DEVICES'])",
        gpus=Gpus(["5", "7"], 1),
    )
    first, second = await place.start(starter, log="first"), await place.start(starter, log="second")
    assert (await ended(second), await ended(first)) == (0, 0)
    assert [(place.path / name).read_text() for name in ("first", "second")] == ["True 5\n", "True 7\n"]
    assert await place.output(starter, log="third") == (0, "True 5\n")


async def test_a_fork_that_resets_what_signals_wake_leaves_nothing_behind(place: Place) -> None:
    """As one does from Python 3.12 on, where asyncio was imported."""
    text = "import heavy, os; print(heavy.who != os.getpid(), *sorted(os.listdir('/proc/self/fd')))"
    usual = await place.output(place.starter(text), log="usual")
    place.module = "import signal; os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))"
    assert await place.output(place.starter(text), log="reset") == usual
    assert usual[1].startswith("True 0 1 2 ")
