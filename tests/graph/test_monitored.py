"""Sessions with hooks, coordinators, and what is refused; order and words as TensorFlow 2.21's."""

import logging
import re
import threading

import numpy as np
import pytest

import tensorwright.compat.v1 as tf

train = tf.train


class Model:
    """v goes to what is fed as x."""

    def __init__(self):
        self.v = tf.Variable(1.0, name="v")
        self.x = tf.placeholder(tf.float32, name="x")
        self.loss = tf.square(self.v - self.x, name="loss")
        tf.summary.scalar("loss", self.loss)
        self.step = train.get_or_create_global_step()
        optimizer = train.GradientDescentOptimizer(0.1)
        self.train = optimizer.minimize(self.loss, global_step=self.step)

    def run_all(self, session):
        count = 0
        while not session.should_stop():
            session.run(self.train, {self.x: 3.0})
            count += 1
        return count


@pytest.fixture
def lines(tmp_path):
    """What is logged, without times."""
    found = []

    class Handler(logging.Handler):
        def emit(self, record):
            text = record.getMessage().replace(str(tmp_path), "D")
            text = re.sub(r"[\d.e-]+ sec", "T sec", re.sub(r"/sec: .*", "/sec: N", text))
            found.append(text)

    logger, handler = logging.getLogger("tensorflow"), Handler()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield found
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_training(tmp_path, lines):
    model = Model()
    hooks = [
        train.StopAtStepHook(last_step=5),
        train.LoggingTensorHook({"l": model.loss}, every_n_iter=2),
        train.LoggingTensorHook(["v:0"], at_end=True, formatter=lambda v: f"at end {v['v:0']:.4f}"),
        train.NanTensorHook(model.loss),
    ]
    with train.MonitoredTrainingSession(
        checkpoint_dir=tmp_path,
        hooks=hooks,
        save_checkpoint_steps=2,
        save_checkpoint_secs=None,
        save_summaries_steps=2,
        log_step_count_steps=2,
    ) as session:
        assert model.run_all(session) == 5 and session.graph is tf.get_default_graph()
        with pytest.raises(RuntimeError, match="Run called even after should_stop requested"):
            session.run(model.v)
        with pytest.raises(RuntimeError, match="Graph is finalized and cannot be modified"):
            tf.constant(1.0)
    saved = [
        [
            f"Calling checkpoint listeners before saving checkpoint {k}...",
            f"Saving checkpoints for {k} into D/model.ckpt.",
            f"Calling checkpoint listeners after saving checkpoint {k}...",
        ]
        for k in (0, 2, 4, 5)
    ]
    speed = "global_step/sec: N"
    assert lines == [
        "Create CheckpointSaverHook.", "Graph was finalized.",
        "Running local_init_op.", "Done running local_init_op.",
        *saved[0], "l = 4.0", *saved[1], speed, "l = 1.6384 (T sec)", *saved[2], speed,
        "l = 0.6710887 (T sec)", *saved[3], "at end 2.3446",
    ]  # fmt: skip
    assert train.latest_checkpoint(tmp_path).endswith("model.ckpt-5")
    (events,) = tmp_path.glob("events.out.tfevents.*")
    steps = [e.step for e in train.summary_iterator(str(events)) if e.summary.value]
    assert steps == [1, 3, 5]
    assert session.should_stop() and session.graph is None
    with pytest.raises(RuntimeError, match="Session is already closed"):
        session.run(model.v)
    tf.constant(1.0)  # the graph can be changed again


def test_training_goes_on_where_it_was(tmp_path):
    told = []

    class Listener(train.CheckpointSaverListener):
        def before_save(self, session, global_step_value):
            told.append(("before", global_step_value))

        def after_save(self, session, global_step_value):
            told.append(("after", global_step_value))

        def end(self, session, global_step_value):
            told.append(("end", global_step_value))

    for first, last in ((0, 2), (2, 4)):
        told.clear()
        with tf.Graph().as_default():
            model = Model()
            saver = train.CheckpointSaverHook(
                tmp_path, save_steps=100, saver=train.Saver(), listeners=[Listener()]
            )
            stop = train.StopAtStepHook(num_steps=2)
            with train.MonitoredTrainingSession(
                checkpoint_dir=tmp_path,
                hooks=[stop, saver],
                save_checkpoint_secs=None,
                log_step_count_steps=None,
            ) as session:
                assert session.run(model.step, {model.x: 3.0}) == first
                model.run_all(session)
        assert told == [
            ("before", first), ("after", first), ("before", last), ("after", last), ("end", last),
        ]  # fmt: skip


def test_hooks_are_called_in_order():
    calls = []

    class Hook(train.SessionRunHook):
        def begin(self):
            calls.append("begin")
            self.seven = tf.constant(7)

        def after_create_session(self, session, coord):
            calls.append(("made", type(coord).__name__, session.run(self.seven)))

        def before_run(self, run_context):
            calls.append(("before", run_context.original_args))
            return train.SessionRunArgs({"seven": self.seven})

        def after_run(self, run_context, run_values):
            calls.append(("after", run_values.results))
            run_context.request_stop()

        def end(self, session):
            calls.append(("end", session.run(self.seven)))

    v = tf.Variable(1.0)
    scaffold = train.Scaffold(init_fn=lambda scaffold, session: calls.append("init"))
    with train.MonitoredSession(train.ChiefSessionCreator(scaffold), [Hook()]) as session:
        assert session.run([v]) == [1.0] and session.should_stop()
    assert calls == [
        "begin", "init", ("made", "Coordinator", 7), ("before", ([v], None, None)),
        ("after", {"seven": 7}), ("end", 7),
    ]  # fmt: skip


def test_the_end():
    v = tf.Variable(1.0)
    final = train.FinalOpsHook(v)
    with train.SingularMonitoredSession([final]) as session:
        assert session.raw_session().run(v) == 1.0
        raise tf.errors.OutOfRangeError(None, None, "no more data")
    assert final.final_ops_values == 1.0
    failed = train.FinalOpsHook(v)
    with pytest.raises(ValueError, match="other"), train.MonitoredSession(hooks=[failed]):
        raise ValueError("other")
    assert failed.final_ops_values is None


def test_losses_that_are_no_numbers(lines):
    model = Model()
    fed = train.FeedFnHook(lambda: {model.x: np.nan})
    with (
        pytest.raises(train.NanLossDuringTrainingError, match="NaN loss during training"),
        train.MonitoredSession(hooks=[train.NanTensorHook(model.loss)]) as session,
    ):
        session.run(model.train, {model.x: np.nan})
    stop = train.NanTensorHook(model.loss, fail_on_nan_loss=False)
    with train.MonitoredSession(hooks=[stop, fed]) as session:
        session.run(model.train)
        assert session.should_stop()
    assert lines.count("Model diverged with loss = NaN.") == 2
    with (
        train.MonitoredSession(hooks=[fed]) as session,
        pytest.raises(RuntimeError, match="Same tensor is fed"),
    ):
        session.run(model.train, {model.x: 1.0})


def test_errors_of_hooks():
    for call, text in (
        (lambda: train.StopAtStepHook(), "One of num_steps or last_step must be specified"),
        (lambda: train.StopAtStepHook(1, 2), "Only one of num_steps or last_step can be"),
        (lambda: train.LoggingTensorHook(["a"]), "either at_end and/or exactly one of every_n_ite"),
        (lambda: train.LoggingTensorHook(["a"], 0), "invalid every_n_iter=0"),
        (lambda: train.SummarySaverHook(1), "Exactly one of scaffold or summary_op must be"),
        (lambda: train.CheckpointSaverHook("d"), "Either every_secs or every_steps should be"),
        (lambda: train.CheckpointSaverHook("d", 1, 1), "Can not provide both every_secs and every"),
        (lambda: train.StepCounterHook(None), "exactly one of every_n_steps and every_n_secs"),
    ):
        with pytest.raises(ValueError, match=text):
            call()
    with pytest.raises(RuntimeError, match="Global step should be created to use StopAtStepHook"):
        train.MonitoredSession(hooks=[train.StopAtStepHook(last_step=1)])
    with pytest.raises(NotImplementedError, match="there is one process"):
        train.MonitoredTrainingSession(is_chief=False)


# -- coordinators ---------------------------------------------------------------------------------


def run_threads(coordinator, *errors):
    def work(error):
        with coordinator.stop_on_exception():
            if error is None:
                assert coordinator.wait_for_stop(10)
            else:
                raise error

    threads = [threading.Thread(target=work, args=(e,)) for e in errors]
    for thread in threads:
        thread.start()
    coordinator.join(threads)


def test_coordinators():
    coordinator = train.Coordinator()
    assert not coordinator.should_stop() and not coordinator.joined
    with pytest.raises(ValueError, match="bad"):
        run_threads(coordinator, ValueError("bad"), None)
    assert coordinator.should_stop() and coordinator.joined
    coordinator.clear_stop()
    assert not coordinator.should_stop()
    run_threads(coordinator, tf.errors.OutOfRangeError(None, None, "end"), None)
    coordinator.raise_requested_exception()
    coordinator = train.Coordinator()
    release = threading.Event()
    stuck = threading.Thread(target=release.wait, name="stuck")
    stuck.start()
    coordinator.register_thread(stuck)
    coordinator.request_stop()
    with pytest.raises(RuntimeError, match="stopped with threads still running: stuck"):
        coordinator.join(stop_grace_period_secs=0.01)
    release.set()


def test_queues_are_refused():
    assert train.start_queue_runners(coord=train.Coordinator()) == []
    for call, text in (
        (lambda: tf.FIFOQueue(10, tf.float32), r"FIFOQueue is not supported: .*tf\.data\.Dataset"),
        (lambda: train.string_input_producer(["a"]), "string_input_producer is not .*feed_dict"),
        (lambda: train.shuffle_batch([1], 2, 3, 4), "shuffle_batch is not supported: queues"),
        (lambda: tf.TextLineReader(), "TextLineReader is not supported: readers take file names"),
        (lambda: train.Supervisor(logdir="d"), "use tf.train.MonitoredTrainingSession"),
    ):
        with pytest.raises(NotImplementedError, match=text):
            call()
