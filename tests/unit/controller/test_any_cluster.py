"""The whole operator in any cluster: whatever people, tenants, queues, nodes and networks do, in any order, the sweep ends soundly.

Found by Hypothesis, in virtual time. `core/test_plan_properties.py` holds the same of `plan` alone, over more situations; here the
caches, queues, writers, leases and clocks take part, and what they are told comes late, twice or never.
"""

from __future__ import annotations

from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from regsweep.adapters.kubeapi import JOBS, PODS, RESULTS, SWEEPS, KubeObject, Resource, name_of, uid_of
from regsweep.api import constants as names
from support.invariants import broken
from support.pods import exit_code_of
from support.virtual_time import VirtualTime
from unit.controller.actors import OTHER, QUEUE, RIVAL, SIDECAR, Company
from unit.controller.fake_cluster import acting_writes
from unit.controller.wire import Trouble

HOURS = 3600
END_SECONDS = 4000
"""A sweep that everybody leaves alone is over by then: five moves take fifteen minutes, a retry of a conflict a minute."""
SIDECAR_SECONDS = 200
"""Longer than a minute's wait for Prometheus, a conflict's minute and the grace of sidecars together."""
ALTERATIONS = [
    (names.REPLICATES_ANNOTATION, "999999999"),
    (names.POINT_KEY_ANNOTATION, "0" * 16),
    (names.ATTEMPT_ANNOTATION, "7"),
    (names.FIRST_REPLICATE_ANNOTATION, None),
]


class AnyCluster(RuleBasedStateMachine):
    """One sweep that one operator runs of two who would, perhaps another of somebody else's, and everybody who has to do with them."""

    @initialize(
        values=st.integers(1, 4),
        replicates=st.integers(1, 3),
        per_pod=st.integers(1, 3),
        parallelism=st.integers(1, 3),
        beside=st.sampled_from(["", "", "", "a sidecar", "a queue", "a queue and a sidecar"]),
        kind=st.sampled_from(["", "", "retention", "race"]),
        scraped=st.booleans(),
        others=st.booleans(),
        rival=st.booleans(),
    )
    def begin(
        self,
        values: int,
        replicates: int,
        per_pod: int,
        parallelism: int,
        beside: str,
        kind: str,
        scraped: bool,
        others: bool,
        rival: bool,
    ) -> None:
        self.time = VirtualTime().__enter__()
        self.company = Company(self.time, queue="a queue" in beside, scraped=scraped)
        self.cluster = self.company.cluster
        self.values = list(range(values))
        self.seen: set[tuple[str, int]] = set()
        self.names = ["demo"]
        self.alone = True
        spec: dict[str, Any] = {"replicates": replicates, "replicatesPerPod": per_pod, "parallelism": parallelism}
        more: dict[str, dict[str, Any]] = {
            "a sidecar": {"template": SIDECAR},
            "a queue": {"template": QUEUE},
            "a queue and a sidecar": {"template": {**QUEUE, **SIDECAR}},
            "retention": {"retention": {"succeededJobs": 1, "failedJobs": 0}},
            "race": {"racing": {"initialReplicates": 3, "maxReplicates": 4}},
        }
        self.run(self._begin({**spec, **more.get(beside, {}), **more.get(kind, {})}, others, rival))

    async def _begin(self, spec: dict[str, Any], others: bool, rival: bool) -> None:
        await self.company.start_operator("one")
        if rival:
            await self.company.start_operator("rival", **RIVAL)
        await self.company.apply("demo", flags=[{"name": "l2", "values": self.values}], **spec)
        if others:
            self.names.append("theirs")
            await self.company.start_operator(
                "theirs", managed_by=OTHER, lease_namespace="team-b", trainer_image="other:1"
            )
            await self.company.apply("theirs", flags=[{"name": "l2", "values": [0, 1]}], replicates=1, managedBy=OTHER)
        await self.company.pass_time(2)

    def run(self, work: Any) -> Any:
        return self.time.run(work)

    def picked(self, data: st.DataObject, objects: list[KubeObject]) -> KubeObject:
        by_name = {name_of(each): each for each in objects}
        return by_name[data.draw(st.sampled_from(sorted(by_name)))]

    # Time and operators

    @rule(seconds=st.sampled_from([1, 1, 3, 12, 60]))
    def time_passes(self, seconds: int) -> None:
        self.run(self.company.pass_time(seconds))

    @rule(crash=st.booleans(), seconds=st.sampled_from([0, 2, 20]))
    def operator_restarts(self, crash: bool, seconds: int) -> None:
        self.alone = self.alone and not seconds
        self.run(self.company.stop_operator("one", crash=crash))
        self.run(self.company.pass_time(seconds))
        self.run(self.company.start_operator("one"))

    @rule(comes=st.booleans())
    def standby_comes_or_goes(self, comes: bool) -> None:
        if comes and "standby" not in self.company.operators:
            self.run(self.company.start_operator("standby"))
        elif not comes and "standby" in self.company.operators:
            self.run(self.company.stop_operator("standby", crash=True))

    @rule(comes=st.booleans(), crash=st.booleans())
    def rival_comes_or_goes(self, comes: bool, crash: bool) -> None:
        if comes and "rival" not in self.company.operators:
            self.run(self.company.start_operator("rival", **RIVAL))
        elif not comes and "rival" in self.company.operators:
            self.alone = False  # nobody looks at what it has claimed until its Lease is over
            self.run(self.company.stop_operator("rival", crash=crash))

    @rule(hours=st.sampled_from([-1, 1, 0]))
    def clock_moves(self, hours: int) -> None:
        self.time.turn(hours * HOURS)

    # Networks

    @rule(troubles=st.lists(st.sampled_from(Trouble), min_size=1, max_size=6))
    def requests_fail(self, troubles: list[Trouble]) -> None:
        self.company.trouble(troubles)

    @rule(expired=st.booleans())
    def watches_break(self, expired: bool) -> None:
        if expired:
            self.cluster.api.expire_history()
        self.cluster.api.break_watches()

    @rule(resource=st.sampled_from([JOBS, PODS, SWEEPS]), seconds=st.sampled_from([0.0, 0.5, 4.0]))
    def news_comes_late(self, resource: Resource, seconds: float) -> None:
        self.company.delay_watches(resource, seconds)

    @precondition(lambda self: self.company.prometheus is not None)
    @rule(away=st.booleans())
    def prometheus_goes_or_comes(self, away: bool) -> None:
        assert self.company.prometheus is not None
        self.company.prometheus.is_away = away

    # Pods and nodes

    @precondition(lambda self: self.company.in_flight())
    @rule(data=st.data(), code=st.sampled_from([0, 0, 0, 0, 1, 65, 137]), scraped=st.booleans())
    def training_ends(self, data: st.DataObject, code: int, scraped: bool) -> None:
        pod = self.picked(data, self.company.in_flight())
        if self.company.prometheus is not None and not scraped:
            self.company.prometheus.missed.add(uid_of(pod))
        self.run(self.cluster.kubelet.finish(pod, code))

    @precondition(lambda self: self.company.in_flight())
    @rule(
        data=st.data(),
        reason=st.sampled_from(["UnexpectedAdmissionError", "Evicted", "PreemptionByScheduler"]),
        brought=st.integers(0, 2),
    )
    def a_node_ends_a_pod(self, data: st.DataObject, reason: str, brought: int) -> None:
        pod = self.picked(data, self.company.in_flight())
        self.alone = self.alone and not brought  # by itself a Job trains again what such a pod brought home
        by_scheduler = reason == "PreemptionByScheduler"
        self.run(self.cluster.kubelet.lose(pod, reason, brought=brought, disrupted=by_scheduler))

    @rule(exit_code=st.sampled_from([0, 0, 1]))
    def sidecars_end(self, exit_code: int) -> None:
        self.alone = self.alone and not exit_code
        self.run(self.company.end_sidecars(exit_code))

    @rule(node=st.sampled_from(["n0", "n1"]))
    def a_node_falls_silent(self, node: str) -> None:
        self.run(self.company.lose_node(node))

    @rule(taken_away=st.booleans())
    def nodes_come_back(self, taken_away: bool) -> None:
        self.run(self.company.end_silence(taken_away=taken_away))

    # Quotas and queues

    @rule(
        jobs=st.sampled_from([None, None, 1, 2]),
        pods=st.sampled_from([None, None, 0, 1, 2]),
        of_objects=st.booleans(),
        lag=st.sampled_from([0, 0, 2, 5]),
    )
    def quotas_change(self, jobs: int | None, pods: int | None, of_objects: bool, lag: int) -> None:
        self.company.job_quota, self.cluster.controller.pod_quota = jobs, pods
        self.cluster.controller.quota_of_objects, self.cluster.controller.quota_lag_seconds = of_objects, lag

    @precondition(lambda self: self.company.kueue is not None and self.company.open_jobs())
    @rule(data=st.data(), admits=st.booleans())
    def a_queue_admits_or_evicts(self, data: st.DataObject, admits: bool) -> None:
        self.run(self.company.queue_decides(self.picked(data, self.company.open_jobs()), admits=admits))

    # Tenants and people

    @precondition(lambda self: self.company.open_jobs())
    @rule(data=st.data(), what=st.sampled_from(ALTERATIONS))
    def a_tenant_changes_a_job(self, data: st.DataObject, what: tuple[str, str | None]) -> None:
        self.alone = False
        job = self.picked(data, self.company.open_jobs())
        annotations = {what[0]: what[1], "example.com/altered": "yes"}
        self.run(self.company.patch_job(job, {"metadata": {"annotations": annotations}}))

    @precondition(lambda self: self.cluster.jobs())
    @rule(data=st.data())
    def somebody_deletes_a_job(self, data: st.DataObject) -> None:
        self.alone = False
        self.run(self.company.delete(JOBS, self.picked(data, self.cluster.jobs())))

    @precondition(lambda self: self.cluster.api.objects(PODS))
    @rule(data=st.data())
    def somebody_deletes_a_pod(self, data: st.DataObject) -> None:
        self.alone = False
        self.run(self.company.delete(PODS, self.picked(data, self.cluster.api.objects(PODS))))

    @precondition(lambda self: self.company.kueue is None and self.company.open_jobs())
    @rule(data=st.data(), suspend=st.booleans())
    def somebody_suspends_or_resumes_a_job(self, data: st.DataObject, suspend: bool) -> None:
        job = self.picked(data, self.company.open_jobs())
        self.run(self.company.patch_job(job, {"spec": {"suspend": suspend}}))

    @precondition(lambda self: self.cluster.api.objects(RESULTS))
    @rule(data=st.data())
    def somebody_deletes_records(self, data: st.DataObject) -> None:
        self.alone = False
        self.run(self.company.delete(RESULTS, self.picked(data, self.cluster.api.objects(RESULTS))))
        self.seen = self.company.stored()

    @rule(suspend=st.booleans())
    def the_sweep_is_paused_or_resumed(self, suspend: bool) -> None:
        self.run(self.cluster.edit(suspend=suspend))

    @rule(parallelism=st.integers(0, 3))
    def parallelism_is_changed(self, parallelism: int) -> None:
        self.run(self.cluster.edit(parallelism=parallelism))

    @rule()
    def the_grid_grows(self) -> None:
        self.values = [*self.values[:5], 10 + len(self.values)]
        self.run(self.cluster.edit(flags=[{"name": "l2", "values": self.values}]))

    @rule(replicates=st.integers(1, 4))
    def replicates_are_changed(self, replicates: int) -> None:
        self.run(self.cluster.edit(replicates=replicates))

    # What holds

    @invariant()
    def nothing_happens_that_never_may(self) -> None:
        if hasattr(self, "cluster"):
            assert self.cluster.account.wrong == []

    @invariant()
    def no_record_vanishes(self) -> None:
        if hasattr(self, "cluster"):
            stored = self.company.stored()
            assert self.seen <= stored
            self.seen = stored

    def teardown(self) -> None:
        """Everybody leaves it alone, and does what the operator asks for: it comes to its end."""
        if not hasattr(self, "cluster"):
            return
        try:
            self.run(self._end())
            assert self.cluster.account.wrong == []
            assert self.seen <= self.company.stored()
            for name in self.names:
                assert broken(self.cluster.left(name), self.time.clocks.now()) == []
            if self.alone:
                assert {each: n for each, n in self.cluster.account.trained.items() if n > 1} == {}
        finally:
            self.time.__exit__(None, None, None)

    async def _end(self) -> None:
        for wire, _ in self.company.operators.values():
            wire.troubles.clear()
            wire.late.clear()
        self.company.job_quota = self.cluster.controller.pod_quota = None
        if self.company.prometheus is not None:
            self.company.prometheus.is_away = False
        self.cluster.training_seconds = 1
        await self.company.end_silence(taken_away=False)
        await self.cluster.edit(suspend=False, parallelism=3)
        await self._outlast_sidecars()
        end = self.time.seconds + END_SECONDS
        while not all(map(self.cluster.is_at_rest, self.names)):
            assert self.time.seconds < end, f"stuck: {[self.cluster.left(name).status for name in self.names]}"
            await self.company.let_go()
            await self.company.end_sidecars(0)
            await self.company.pass_time(1)
        await self.company.pass_time(60)
        before = acting_writes(self.cluster)
        for _, operator in self.company.operators.values():
            for name in self.names:
                operator.queues.sweeps.add(uid_of(self.cluster.sweep(name)))
        await self.company.pass_time(20)
        late = [each for each in self.cluster.api.writes[-5:] if each.resource != "leases"]
        assert acting_writes(self.cluster) == before, f"quiet when nothing changes: {late}"

    async def _outlast_sidecars(self) -> None:
        """Sidecars that are left alone go on for ever: the operator ends them. Later ones end by themselves, which is quicker."""
        held = {uid_of(pod) for pod in self.cluster.pods("Running") if exit_code_of(pod) is not None}
        for _ in range(SIDECAR_SECONDS if held else 0):
            await self.company.let_go()
            await self.company.pass_time(1)
        assert not [name_of(pod) for pod in self.cluster.pods("Running") if uid_of(pod) in held]


AnyCluster.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate]
)
TestAnyCluster = AnyCluster.TestCase
