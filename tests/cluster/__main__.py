"""``python -m cluster``: the built-in Kubernetes from a command line."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from cluster import binaries, current, images, instance, paths
from cluster.current import CurrentCluster
from cluster.errors import ClusterError
from cluster.instance import Cluster, Profile
from cluster.report import say, step


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0, or 1 with a line that says what to do."""
    options, rest = _parser().parse_known_args(arguments)
    if rest and options.action is not _kubectl:
        _parser().error(f"unknown: {' '.join(rest)}")
    options.rest = rest
    action: Callable[[argparse.Namespace], int] = options.action
    try:
        return action(options)
    except ClusterError as error:
        say(f"error: {error}")
        return 1


def _up(options: argparse.Namespace) -> int:
    if current.is_wanted():
        say(f"CLUSTER=current: {CurrentCluster().kubectl('cluster-info').splitlines()[0]}")
        return 0
    with step(f"cluster {options.instance} is up"):
        cluster = Cluster.up(Profile(options.profile), options.instance)
    say(f"export KUBECONFIG={cluster.kubeconfig}")
    return 0


def _down(options: argparse.Namespace) -> int:
    if current.is_wanted():
        say("CLUSTER=current: your cluster stays as it is")
        return 0
    for name in instance.instances() if options.all else [options.instance]:
        with step(f"cluster {name} is down"):
            instance.down(name)
    return 0


def _status(options: argparse.Namespace) -> int:
    cluster = Cluster.find(options.instance)
    if cluster is None:
        print(f"{options.instance}: not up")
        return 1
    states = cluster.status()
    for component, runs in states.items():
        print(f"{component}: {'running' if runs else 'not running'}")
    return 0 if all(states.values()) else 1


def _kubeconfig(options: argparse.Namespace) -> int:
    print(_existing(options).kubeconfig)
    return 0


def _kubectl(options: argparse.Namespace) -> int:
    cluster = _existing(options)
    program = binaries.program(binaries.KUBE, "kubectl")
    words = [str(program), f"--kubeconfig={cluster.kubeconfig}", *options.rest]
    # In this process's place: kubectl has the terminal (exec -it, logs -f) and its own exit status.
    os.execv(program, words)


def _load_image(options: argparse.Namespace) -> int:
    _existing(options).load_image(options.archive.absolute())
    return 0


def _images(options: argparse.Namespace) -> int:
    # What goes to a person's registry is what they install; the demo and the tests need more.
    by_default = images.PROJECT if current.is_wanted() else images.ALL
    chosen = [images.BY_NAME[name] for name in options.names] or by_default
    references = CurrentCluster().load(chosen) if current.is_wanted() else images.ensure(chosen)
    for reference in references.values():
        print(reference)
    return 0


def _program(options: argparse.Namespace) -> int:
    build = next(build for build in binaries.ALL if options.name in build.programs)
    binaries.ensure([build])
    print(binaries.program(build, options.name))
    return 0


def _build(options: argparse.Namespace) -> int:
    binaries.ensure(binaries.ALL)
    print(paths.cache() / "bin")
    return 0


def _existing(options: argparse.Namespace) -> Cluster:
    cluster = Cluster.find(options.instance)
    if cluster is None:
        raise ClusterError(f"there is no cluster {options.instance}: run `make cluster-up`")
    return cluster


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m cluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, action: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(action=action)
        added.add_argument("--instance", default="default", help="which cluster (default: %(default)s)")
        return added

    up = command("up", _up, "bring a cluster up, or leave it as it is when it is whole")
    up.add_argument("--profile", choices=[*Profile], default=Profile.NODE, help="default: %(default)s")
    down = command("down", _down, "end a cluster and remove all of it but its imported images")
    down.add_argument("--all", action="store_true", help="every instance")
    command("status", _status, "which components run; exit 0 when all do")
    command("kubeconfig", _kubeconfig, "print the path of the administrator's kubeconfig")
    command("kubectl", _kubectl, "run kubectl there; everything else is passed on")
    load = command("load-image", _load_image, "import an OCI archive into the node")
    load.add_argument("archive", type=Path)
    program = command("program", _program, "build one program if need be, and print its path")
    program.add_argument("name", choices=sorted(name for build in binaries.ALL for name in build.programs))
    some = command("images", _images, "build images where their sources changed, and print their references")
    some.add_argument(
        "names",
        nargs="*",
        choices=[*images.BY_NAME, []],
        help="default: those of demo and tests; with CLUSTER=current the operator's and the trainer's",
    )
    command("build", _build, "build the cluster's programs, and print where they are")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
