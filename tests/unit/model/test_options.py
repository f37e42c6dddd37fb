"""Every option is checked by the one table: accepted, refused in clear words, never ignored."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heliostat.model.options import (
    ACTOR,
    METHOD,
    TABLES,
    TASK,
    ActorOptions,
    MethodOptions,
    TaskOptions,
)

CPU = (("CPU", 10_000),)
KINDS: dict[str, Any] = {TASK: TaskOptions, ACTOR: ActorOptions, METHOD: MethodOptions}

#: Ray 2.60's options of remote functions, actor classes and methods.
RAY = {
    TASK: {
        *("_generator_backpressure_num_objects", "_labels", "_num_objects_per_yield"),
        *("accelerator_type", "enable_task_events", "fallback_strategy", "label_selector"),
        *("max_calls", "max_retries", "memory", "name", "num_cpus", "num_gpus", "num_returns"),
        *("object_store_memory", "placement_group", "placement_group_bundle_index"),
        *("placement_group_capture_child_tasks", "resources", "retry_exceptions", "runtime_env"),
        "scheduling_strategy",
    },
    ACTOR: {
        *("_actor_generator_backpressure_num_objects", "_labels", "accelerator_type"),
        *("allow_out_of_order_execution", "concurrency_groups", "enable_task_events"),
        *("enable_tensor_transport", "fallback_strategy", "get_if_exists", "label_selector"),
        *("lifetime", "max_concurrency", "max_pending_calls", "max_restarts", "max_task_retries"),
        *("memory", "name", "namespace", "num_cpus", "num_gpus", "object_store_memory"),
        *("placement_group", "placement_group_bundle_index"),
        *("placement_group_capture_child_tasks", "resources", "runtime_env"),
        "scheduling_strategy",
    },
    METHOD: {
        *("_generator_backpressure_num_objects", "_labels", "_num_objects_per_yield"),
        *("concurrency_group", "enable_task_events", "max_task_retries", "name", "num_returns"),
        *("retry_exceptions", "tensor_transport"),
    },
}


@pytest.mark.parametrize("kind", RAY)
def test_the_table_has_rays_options(kind: str) -> None:
    ours = {TASK: {"priority", "timeout"}, METHOD: {"timeout"}}.get(kind, set())
    assert set(TABLES[kind]) == RAY[kind] | ours


class TestTasks:
    def test_defaults(self) -> None:
        options = TaskOptions.make({})
        assert options.num_returns == 1
        assert options.max_retries == 3
        assert options.retry_exceptions is False
        assert options.amounts == CPU
        assert options.name == ""
        assert options.runtime_env is None
        assert options.max_calls == 0
        assert options.given == {}

    def test_what_is_given_is_used(self) -> None:
        options = TaskOptions.make(
            {
                "num_cpus": 0.5,
                "num_gpus": 2,
                "memory": 1024,
                "resources": {"spare": 1.5},
                "num_returns": 0,
                "max_retries": -1,
                "retry_exceptions": [OSError, KeyError],
                "name": "it",
                "runtime_env": {"env_vars": {"A": "1"}},
                "max_calls": 4,
            }
        )
        assert dict(options.amounts) == {
            "CPU": 5_000,
            "GPU": 20_000,
            "memory": 10_240_000,
            "spare": 15_000,
        }
        assert options.num_returns == 0
        assert options.max_retries == -1
        assert options.retry_exceptions == (OSError, KeyError)
        assert options.name == "it"
        assert options.runtime_env == {"env_vars": {"A": "1"}}
        assert options.max_calls == 4

    def test_no_cpu_is_no_amount(self) -> None:
        assert TaskOptions.make({"num_cpus": 0}).amounts == ()

    @pytest.mark.parametrize(
        ("given_", "calls"),
        [
            ({"num_gpus": 1}, 1),
            ({"num_gpus": 0.5}, 1),
            ({"num_gpus": 0}, 0),
            ({"num_gpus": 1, "max_calls": 0}, 0),
            ({"num_gpus": 1, "max_calls": 7}, 7),
        ],
    )
    def test_a_worker_with_gpus_ends_after_its_task_unless_told(
        self, given_: dict[str, Any], calls: int
    ) -> None:
        assert TaskOptions.make(given_).max_calls == calls

    def test_options_replace_their_like(self) -> None:
        first = TaskOptions.make({"num_cpus": 2, "name": "a", "resources": {"spare": 1}})
        second = first.merge({"num_cpus": 4, "resources": None, "max_retries": 0})
        assert second.amounts == (("CPU", 40_000),)
        assert (second.name, second.max_retries) == ("a", 0)
        assert first.amounts == (("CPU", 20_000), ("spare", 10_000))
        assert first.max_retries == 3

    def test_the_decorators_max_calls_stays(self) -> None:
        options = TaskOptions.make({"max_calls": 2})
        assert options.merge({"num_cpus": 2}).max_calls == 2
        with pytest.raises(ValueError, match=r"'max_calls' can't be set in '\.options\(\)'"):
            options.merge({"max_calls": 3})


class TestActors:
    def test_defaults(self) -> None:
        options = ActorOptions.make({})
        assert options.name is None
        assert options.namespace is None
        assert options.lifetime is None
        assert options.detached is False
        assert options.get_if_exists is False
        assert options.max_restarts == 0
        assert options.max_task_retries == 0
        assert options.max_concurrency is None
        assert options.max_pending_calls == -1
        assert options.concurrency_groups == {}
        assert options.amounts == ()
        assert options.placement == CPU
        assert options.runtime_env is None

    @pytest.mark.parametrize(
        ("given_", "held", "placement"),
        [
            ({"num_cpus": 2}, {"CPU": 20_000}, {"CPU": 20_000}),
            ({"num_cpus": 0}, {}, {}),
            ({"num_gpus": 1}, {"CPU": 10_000, "GPU": 10_000}, {"CPU": 10_000, "GPU": 10_000}),
            (
                {"resources": {"spare": 1}},
                {"CPU": 10_000, "spare": 10_000},
                {"CPU": 10_000, "spare": 10_000},
            ),
            ({"memory": 1}, {"memory": 10_000}, {"CPU": 10_000, "memory": 10_000}),
            ({"num_cpus": None, "resources": {}}, {}, {"CPU": 10_000}),
        ],
    )
    def test_what_it_holds_and_what_it_needs_to_be_placed(
        self, given_: dict[str, Any], held: dict[str, int], placement: dict[str, int]
    ) -> None:
        options = ActorOptions.make(given_)
        assert dict(options.amounts) == held
        assert dict(options.placement) == placement

    def test_what_is_given_is_used(self) -> None:
        options = ActorOptions.make(
            {
                "name": "a",
                "namespace": "n",
                "lifetime": "detached",
                "get_if_exists": True,
                "max_restarts": -1,
                "max_task_retries": 2,
                "max_concurrency": 3,
                "max_pending_calls": 4,
                "concurrency_groups": {"io": 2},
            }
        )
        assert (options.name, options.namespace) == ("a", "n")
        assert (options.lifetime, options.detached) == ("detached", True)
        assert options.get_if_exists
        assert (options.max_restarts, options.max_task_retries) == (-1, 2)
        assert (options.max_concurrency, options.max_pending_calls) == (3, 4)
        assert options.concurrency_groups == {"io": 2}

    def test_not_detached_can_be_said(self) -> None:
        assert ActorOptions.make({"lifetime": "non_detached"}).detached is False

    def test_no_pending_calls_means_no_limit_as_in_ray(self) -> None:
        assert ActorOptions.make({"max_pending_calls": 0}).max_pending_calls == -1

    def test_groups_in_rays_other_form(self) -> None:
        groups = [{"name": "io", "max_concurrency": 2}]
        assert ActorOptions.make({"concurrency_groups": groups}).concurrency_groups == {"io": 2}

    def test_one_that_may_exist_has_a_name(self) -> None:
        with pytest.raises(ValueError, match="get_if_exists=True needs the option 'name'"):
            ActorOptions.make({"get_if_exists": True})
        options = ActorOptions.make({"name": "a"}).merge({"get_if_exists": True})
        assert options.get_if_exists

    def test_groups_are_the_decorators(self) -> None:
        with pytest.raises(ValueError, match="'concurrency_groups' can't be set in"):
            ActorOptions.make({}).merge({"concurrency_groups": {"io": 2}})


def test_the_defaults_of_a_method() -> None:
    options = MethodOptions.make({})
    assert options.num_returns == 1
    assert options.max_task_retries is None
    assert options.retry_exceptions is False
    assert options.concurrency_group is None
    assert options.name == ""


def test_what_a_method_is_given_is_used() -> None:
    options = MethodOptions.make({"num_returns": 2, "max_task_retries": 3}).merge(
        {"retry_exceptions": True, "concurrency_group": "io", "name": "it", "num_returns": 4}
    )
    assert (options.num_returns, options.max_task_retries) == (4, 3)
    assert options.retry_exceptions is True
    assert (options.concurrency_group, options.name) == ("io", "it")


#: kind, option, value, the error, what is accepted.
BAD: list[tuple[str, str, Any, type[Exception], str]] = [
    (TASK, "num_cpus", -1, ValueError, "a number of at least 0"),
    (TASK, "num_cpus", "1", TypeError, "a number of at least 0"),
    (TASK, "num_cpus", 0.00001, ValueError, "0 or at least 0.0001"),
    (TASK, "num_gpus", 1.5, ValueError, "above 1, GPUs are whole"),
    (ACTOR, "memory", -5, ValueError, "a number of at least 0"),
    (TASK, "resources", ["spare"], TypeError, "a dict of quantities by name of resource"),
    (TASK, "resources", {"CPU": 1}, ValueError, "use the option 'num_cpus' instead of 'CPU'"),
    (ACTOR, "resources", {"GPU": 1}, ValueError, "use the option 'num_gpus' instead of 'GPU'"),
    (TASK, "resources", {"a": "1"}, TypeError, "'1' of resource 'a': expected a number"),
    (TASK, "runtime_env", ["x"], TypeError, "a runtime_env is a dict or None, not a list"),
    (TASK, "runtime_env", {"envvars": {}}, ValueError, "an unknown field 'envvars'"),
    (TASK, "num_returns", -1, ValueError, "None, 0, a positive integer, 'streaming' or 'dynamic'"),
    (TASK, "num_returns", "many", ValueError, "'streaming' or 'dynamic'"),
    (METHOD, "num_returns", 1.0, TypeError, "None, 0, a positive integer"),
    (TASK, "max_retries", -2, ValueError, "None, -1 for no limit, 0 or a positive integer"),
    (TASK, "max_retries", 1.5, TypeError, "None, -1 for no limit, 0 or a positive integer"),
    (TASK, "max_calls", -1, ValueError, "None or an integer of at least 0"),
    (TASK, "retry_exceptions", "yes", TypeError, "True, False or a list of exception classes"),
    (TASK, "retry_exceptions", [int], ValueError, "True, False or a list of exception classes"),
    (TASK, "retry_exceptions", [OSError()], ValueError, "a list of exception classes"),
    (METHOD, "retry_exceptions", 1, TypeError, "a list of exception classes"),
    (TASK, "name", 3, TypeError, "None or a string"),
    (ACTOR, "name", "", ValueError, "None or a string that isn't empty"),
    (ACTOR, "namespace", "", ValueError, "None or a string that isn't empty"),
    (ACTOR, "namespace", 3, TypeError, "None or a string"),
    (ACTOR, "lifetime", "for ever", ValueError, "None, 'detached' or 'non_detached'"),
    (ACTOR, "lifetime", True, TypeError, "None, 'detached' or 'non_detached'"),
    (ACTOR, "get_if_exists", "yes", TypeError, "True or False"),
    (ACTOR, "max_restarts", -2, ValueError, "None, -1 for no limit, 0 or a positive integer"),
    (ACTOR, "max_task_retries", "2", TypeError, "None, -1 for no limit"),
    (ACTOR, "max_concurrency", 0, ValueError, "None or an integer of at least 1"),
    (ACTOR, "max_pending_calls", -2, ValueError, "None, -1 for no limit"),
    (ACTOR, "concurrency_groups", "io", TypeError, "a dict of calls at once"),
    (ACTOR, "concurrency_groups", {"io": 0}, ValueError, "a dict of calls at once"),
    (ACTOR, "concurrency_groups", {"": 1}, ValueError, "a dict of calls at once"),
    (ACTOR, "concurrency_groups", {"io": "2"}, TypeError, "a dict of calls at once"),
    (ACTOR, "concurrency_groups", [{"name": "io"}], ValueError, "a dict of calls at once"),
]


@pytest.mark.parametrize(("kind", "name", "value", "error", "accepted"), BAD)
def test_a_bad_value_is_refused_in_clear_words(
    kind: str, name: str, value: Any, error: type[Exception], accepted: str
) -> None:
    with pytest.raises(error) as caught:
        KINDS[kind].make({name: value})
    text = str(caught.value)
    assert text.startswith(f"{name}={value!r} isn't valid for {kind}; accepted: ")
    assert accepted in text
    if not TABLES[kind][name].at_decoration:
        with pytest.raises(error) as again:
            KINDS[kind].make({}).merge({name: value})
        assert str(again.value) == text


def test_a_long_value_is_cut_short() -> None:
    with pytest.raises(TypeError) as caught:
        TaskOptions.make({"num_cpus": "x" * 5000})
    assert len(str(caught.value)) < 200


#: Options this release lacks, and a value that asks for something.
LACKING: list[tuple[str, str, Any]] = [
    *((kind, "accelerator_type", "T4") for kind in (TASK, ACTOR)),
    *((kind, "label_selector", {"a": "b"}) for kind in (TASK, ACTOR)),
    *((kind, "fallback_strategy", [{}]) for kind in (TASK, ACTOR)),
    *((kind, "object_store_memory", 1) for kind in (TASK, ACTOR)),
    *((kind, "placement_group", object()) for kind in (TASK, ACTOR)),
    *((kind, "placement_group_bundle_index", 0) for kind in (TASK, ACTOR)),
    *((kind, "placement_group_capture_child_tasks", True) for kind in (TASK, ACTOR)),
    *((kind, "scheduling_strategy", "SPREAD") for kind in (TASK, ACTOR)),
    *((kind, "enable_task_events", False) for kind in (TASK, ACTOR, METHOD)),
    *((kind, "_labels", {"a": "b"}) for kind in (TASK, ACTOR, METHOD)),
    *((kind, "_num_objects_per_yield", 2) for kind in (TASK, METHOD)),
    (ACTOR, "_actor_generator_backpressure_num_objects", 2),
    (ACTOR, "enable_tensor_transport", True),
    (METHOD, "tensor_transport", "nccl"),
]


@pytest.mark.parametrize(("kind", "name", "value"), LACKING)
def test_what_this_release_lacks_is_refused_by_name(kind: str, name: str, value: Any) -> None:
    with pytest.raises(NotImplementedError, match=f"doesn't have the option '{name}' of {kind}"):
        KINDS[kind].make({name: value})


def test_everything_this_release_lacks_is_tried_above() -> None:
    lacking = {(kind, n) for kind, table in TABLES.items() for n, o in table.items() if not o.check}
    assert lacking == {(kind, name) for kind, name, _ in LACKING}


@pytest.mark.parametrize("kind", RAY)
def test_rays_defaults_change_nothing(kind: str) -> None:
    assert KINDS[kind].make(dict.fromkeys(RAY[kind])).given == dict.fromkeys(RAY[kind])
    defaults = {
        "enable_task_events": True,
        "placement_group": "default",
        "placement_group_bundle_index": -1,
        "scheduling_strategy": "DEFAULT",
        "_num_objects_per_yield": 1,
        "_generator_backpressure_num_objects": -1,
        "_actor_generator_backpressure_num_objects": -1,
    }
    KINDS[kind].make({name: value for name, value in defaults.items() if name in RAY[kind]})


@pytest.mark.parametrize(
    ("given", "returns"),
    [
        ({}, 1),
        ({"num_returns": 3}, 3),
        ({"num_returns": "dynamic"}, 1),
        ({"num_returns": "streaming"}, -1),
        ({"num_returns": "streaming", "_generator_backpressure_num_objects": -1}, -1),
        ({"num_returns": "streaming", "_generator_backpressure_num_objects": 4}, -5),
    ],
)
def test_the_number_of_results_says_also_how_far_a_stream_may_run_ahead(
    given: dict[str, Any], returns: int
) -> None:
    assert TaskOptions.make(given).returns == returns
    assert MethodOptions.make(given).returns == returns


def test_a_field_of_the_environment_that_is_lacking_is_named() -> None:
    with pytest.raises(NotImplementedError, match="'pip'"):
        TaskOptions.make({"runtime_env": {"pip": ["x"]}})


@pytest.mark.parametrize(
    ("kind", "name", "error", "hint"),
    [
        (TASK, "num_cpu", ValueError, "did you mean num_cpus or num_gpus?"),
        (TASK, "max_restarts", ValueError, "it is one of actors"),
        (TASK, "max_task_retries", ValueError, "it is one of actors and actor methods"),
        (ACTOR, "max_retries", ValueError, "it is one of remote functions"),
        (ACTOR, "zzz", ValueError, "valid ones are name, num_cpus, "),
        (METHOD, "num_return", TypeError, "did you mean num_returns"),
        (METHOD, "num_cpus", TypeError, "it is one of remote functions and actors"),
    ],
)
def test_an_unknown_option_is_refused_with_a_hint(
    kind: str, name: str, error: type[Exception], hint: str
) -> None:
    for make in (KINDS[kind].make, KINDS[kind]({}).merge):
        with pytest.raises(error) as caught:
            make({name: 1})
        assert str(caught.value).startswith(f"Invalid option keyword '{name}' for {kind}: ")
        assert hint in str(caught.value)


TASKS = st.fixed_dictionaries(
    {},
    optional={
        "num_cpus": st.none() | st.integers(0, 64) | st.floats(0.0001, 64),
        "num_gpus": st.none() | st.integers(0, 8) | st.floats(0.0001, 1),
        "memory": st.none() | st.integers(0, 2**40),
        "resources": st.none() | st.dictionaries(st.sampled_from("abc"), st.integers(0, 9)),
        "num_returns": st.none() | st.integers(0, 5),
        "max_retries": st.none() | st.integers(-1, 5),
        "retry_exceptions": st.booleans() | st.just([OSError]),
        "name": st.none() | st.text(),
        "runtime_env": st.none() | st.just({"env_vars": {"A": "1"}}),
    },
)


def _state(options: TaskOptions) -> dict[str, Any]:
    return {name: getattr(options, name) for name in (*TaskOptions.__slots__, "given")}


@given(TASKS, TASKS)
def test_merging_is_making_from_both(one: dict[str, Any], other: dict[str, Any]) -> None:
    merged = TaskOptions.make(one).merge(other)
    assert _state(merged) == _state(TaskOptions.make({**one, **other}))


@given(TASKS)
def test_options_pickle_and_are_made_again_from_what_was_given(one: dict[str, Any]) -> None:
    options = TaskOptions.make(one)
    assert options.given == one
    assert _state(pickle.loads(pickle.dumps(options))) == _state(options)
    assert _state(TaskOptions.make(options.given)) == _state(options)
    assert all(amount > 0 for _, amount in options.amounts)
    assert list(options.amounts) == sorted(options.amounts)


def test_later_changes_of_what_was_given_mean_nothing() -> None:
    mine = {"num_cpus": 2}
    options = TaskOptions.make(mine)
    mine["num_cpus"] = 3
    assert options.merge({}).amounts == (("CPU", 20_000),)


def test_options_show_what_was_given() -> None:
    assert repr(TaskOptions.make({"num_cpus": 2})) == "TaskOptions(num_cpus=2)"
