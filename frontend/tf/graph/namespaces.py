"""The names of `tensorwright.compat.v1`: which are those of graphs, and which functions make ops.

Layer: frontend. A name is looked up in three places: names of graphs (`GRAPH`); functions with
TensorFlow 1's arguments (`FUNCTIONS`); the newer namespaces. Functions of the second and third
kind that consist of ops make an op of the graph when they are called in one.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import cache
from types import FunctionType, ModuleType
from typing import Any

from . import operators as _operators  # noqa: F401  fills the table of operators
from .build import graph_op

_PACKAGE = __package__.rpartition(".")[0]  # frontend.tf

# namespace -> module of frontend.tf -> names, "public=own" where the two differ
GRAPH: dict[str, dict[str, str]] = {
    "": {
        "graph.assignments": """
            assign assign_add assign_sub count_up_to scatter_add scatter_div scatter_max
            scatter_min scatter_mul scatter_nd_add scatter_nd_sub scatter_nd_update scatter_sub
            scatter_update
        """,
        "graph.build": "constant convert_to_tensor=convert_public",
        "graph.config": """
            ConfigProto GPUOptions GraphOptions OptimizerOptions RunMetadata RunOptions
        """,
        "graph.importing": "import_graph_def",
        "graph.gradients": "gradients hessians",
        "graph.checks": """
            Assert assert_equal assert_greater assert_greater_equal assert_less assert_less_equal
            assert_near assert_negative assert_non_negative assert_non_positive assert_none_equal
            assert_positive
        """,
        "arrays": "broadcast_static_shape",
        "dtypes": "complex128 complex64",
        "graph.control": "case cond while_loop",
        "graph.folds": "foldl foldr map_fn scan",
        "graph.host": """
            add_check_numerics_ops check_numerics matching_files numpy_function print=print_
            py_function read_file setdiff1d timestamp verify_tensor_all_finite where write_file
        """,
        "graph.static_checks": """
            assert_integer assert_proper_iterable assert_rank assert_rank_at_least assert_rank_in
            assert_same_float_dtype assert_scalar assert_shapes assert_type
        """,
        "graph.graph": """
            Graph Operation add_to_collection add_to_collections get_collection
            get_collection_ref get_default_graph reset_default_graph
        """,
        "graph.initialized": "is_variable_initialized report_uninitialized_variables",
        "graph.named_variables": "get_local_variable get_variable",
        "graph.keys": "GraphKeys",
        "graph.ops": """
            Print control_dependencies group no_op placeholder placeholder_with_default py_func
            tuple=tuple_of
        """,
        "proto.arrays": "make_ndarray=tensor_array make_tensor_proto",
        "proto.events": "Event HistogramProto LogMessage SessionLog Summary SummaryMetadata",
        "proto.graphs": "AttrValue GraphDef NameAttrList NodeDef",
        "graph.scoping": """
            AUTO_REUSE VariableScope get_variable_scope no_regularizer variable_op_scope
            variable_scope
        """,
        "graph.surroundings": """
            colocate_with container device get_seed name_scope op_scope set_random_seed
        """,
        "v1.initializers": """
            constant_initializer=Constant glorot_normal_initializer=GlorotNormal
            glorot_uniform_initializer=GlorotUniform ones_initializer=Ones
            orthogonal_initializer=Orthogonal random_normal_initializer=RandomNormal
            random_uniform_initializer=RandomUniform truncated_normal_initializer=TruncatedNormal
            uniform_unit_scaling_initializer=UniformUnitScaling
            variance_scaling_initializer=VarianceScaling zeros_initializer=Zeros
        """,
        "graph.session": "InteractiveSession Session get_default_session",
        "graph.tensor_array": "TensorArray",
        "graph.dimensions": "Dimension",
        "graph.older": """
            NoGradient NotDifferentiable RegisterGradient disable_resource_variables
            disable_v2_tensorshape enable_resource_variables fixed_size_partitioner
            load_file_system_library load_library load_op_library min_max_variable_partitioner
            SparseTensor SparseTensorValue no_gradient parse_example parse_single_example
            random_crop register_tensor_conversion_function resource_variables_enabled
            sparse_add sparse_placeholder sparse_reduce_sum sparse_tensor_dense_matmul
            sparse_tensor_to_dense sparse_to_dense string_split tables_initializer
            variable_axis_size_partitioner
        """,
        "graph.state": """
            disable_eager_execution disable_v2_behavior=disable_eager_execution
            enable_eager_execution executing_eagerly
        """,
        "v1.clipping": "clip_by_global_norm global_norm",
        "v1.queues": """
            ConditionalAccumulator FIFOQueue FixedLengthRecordReader IdentityReader LMDBReader
            PaddingFIFOQueue PriorityQueue QueueBase RandomShuffleQueue ReaderBase
            SparseConditionalAccumulator TFRecordReader TextLineReader WholeFileReader
        """,
        "graph.variables": """
            Variable all_variables global_variables global_variables_initializer
            initialize_all_variables initialize_local_variables local_variables
            local_variables_initializer model_variables moving_average_variables
            trainable_variables variables_initializer
        """,
    },
    "summary": {
        "proto.events": """
            Event SessionLog Summary SummaryDescription SummaryMetadata TaggedRunMetadata
        """,
        "summaries.graph": "audio histogram image merge merge_all scalar tensor_summary text",
        "summaries.writer": "FileWriter FileWriterCache",
    },
    "estimator": {
        "estimators.canned": "DNNClassifier DNNRegressor LinearClassifier LinearRegressor",
        "estimators.estimator": "Estimator",
        "estimators.spec": "EstimatorSpec ModeKeys RunConfig",
    },
    "estimator.inputs": {"estimators.inputs": "numpy_input_fn pandas_input_fn"},
    "feature_column": {
        "estimators.columns": """
            bucketized_column categorical_column_with_hash_bucket
            categorical_column_with_identity categorical_column_with_vocabulary_list
            embedding_column indicator_column input_layer linear_model numeric_column
        """,
    },
    "gfile": {
        "files": """
            Copy=copy DeleteRecursively=rmtree Exists=exists FastGFile=GFile GFile Glob=glob
            IsDirectory=isdir ListDirectory=listdir MakeDirs=makedirs MkDir=mkdir Open=GFile
            Remove=remove Rename=rename Stat=stat Walk=walk
        """
    },
    "python_io": {
        "summaries.records": "TFRecordWriter=RecordWriter tf_record_iterator=record_iterator"
    },
    "initializers": {
        "graph.variables": """
            global_variables=global_variables_initializer
            local_variables=local_variables_initializer variables=variables_initializer
        """,
        "v1.initializers": """
            constant=Constant glorot_normal=GlorotNormal glorot_uniform=GlorotUniform
            he_normal=HeNormal he_uniform=HeUniform identity=Identity lecun_normal=LecunNormal
            lecun_uniform=LecunUniform ones=Ones orthogonal=Orthogonal random_normal=RandomNormal
            random_uniform=RandomUniform truncated_normal=TruncatedNormal
            uniform_unit_scaling=UniformUnitScaling variance_scaling=VarianceScaling zeros=Zeros
        """,
    },
    "data": {
        "graph.datasets": "Dataset TFRecordDataset=records TextLineDataset=text_lines",
        "graph.iterators": """
            Iterator get_output_classes get_output_shapes get_output_types
            make_initializable_iterator make_one_shot_iterator
        """,
    },
    "contrib.layers": {
        "estimators.columns": "bucketized_column embedding_column real_valued_column",
        "v1.contrib": """
            avg_pool2d batch_norm conv2d convolution2d dropout flatten fully_connected
            l1_l2_regularizer l1_regularizer l2_regularizer linear max_pool2d one_hot_encoding
            optimize_loss relu variance_scaling_initializer xavier_initializer
            xavier_initializer_conv2d=xavier_initializer
        """,
    },
    "contrib.learn": {
        "estimators.learn": """
            DNNClassifier DNNRegressor LinearClassifier LinearRegressor
            infer_real_valued_columns_from_input
        """,
        "estimators.spec": "ModeKeys RunConfig",
    },
    "contrib.rnn": {
        "graph.rnn.cells": "BasicLSTMCell BasicRNNCell GRUCell LSTMCell LSTMStateTuple RNNCell",
        "graph.rnn.loops": "static_bidirectional_rnn static_rnn",
        "graph.rnn.wrappers": "DeviceWrapper DropoutWrapper MultiRNNCell ResidualWrapper",
    },
    "contrib.learn.io": {"estimators.inputs": "numpy_input_fn=learn_numpy_input_fn"},
    "debugging": {
        "graph.checks": """
            Assert assert_equal assert_greater assert_greater_equal assert_less assert_less_equal
            assert_near assert_negative assert_non_negative assert_non_positive assert_none_equal
            assert_non_decreasing assert_positive assert_strictly_increasing
        """,
        "graph.host": "assert_all_finite=verify_tensor_all_finite check_numerics",
        "graph.static_checks": """
            assert_integer assert_proper_iterable assert_rank assert_rank_at_least assert_rank_in
            assert_same_float_dtype assert_scalar assert_shapes assert_type
        """,
    },
    "io": {
        "graph.definition": "write_graph",
        "graph.host": "matching_files read_file write_file",
        "summaries.records": "TFRecordWriter=RecordWriter tf_record_iterator=record_iterator",
    },
    "layers": {
        "graph.layers.base": "Layer",
        "graph.layers.convolutional": """
            Conv1D Conv2D Conv2DTranspose Conv3D Conv3DTranspose SeparableConv2D
        """,
        "graph.layers.dense": "Dense Dropout Flatten",
        "graph.layers.functions": """
            average_pooling1d average_pooling2d average_pooling3d batch_normalization conv1d conv2d
            conv2d_transpose conv3d conv3d_transpose dense dropout flatten max_pooling1d
            max_pooling2d max_pooling3d separable_conv2d
        """,
        "graph.layers.normalization": "BatchNormalization",
        "graph.layers.pooling": """
            AveragePooling1D AveragePooling2D AveragePooling3D MaxPooling1D MaxPooling2D
            MaxPooling3D
        """,
    },
    "logging": {
        "scopes": "get_logger",
        "v1.messages": """
            DEBUG ERROR FATAL INFO WARN debug error fatal flush get_verbosity info log log_every_n
            log_first_n log_if set_verbosity vlog warn warning
        """,
    },
    "losses": {
        "graph.losses": """
            Reduction absolute_difference add_loss compute_weighted_loss cosine_distance
            get_losses get_regularization_loss get_regularization_losses get_total_loss hinge_loss
            huber_loss log_loss mean_pairwise_squared_error mean_squared_error
            sigmoid_cross_entropy softmax_cross_entropy sparse_softmax_cross_entropy
        """,
    },
    "metrics": {
        "graph.metrics.choices": """
            precision_at_k recall_at_k sensitivity_at_specificity specificity_at_sensitivity
        """,
        "graph.metrics.counts": """
            auc false_negatives false_negatives_at_thresholds false_positives
            false_positives_at_thresholds mean_iou mean_per_class_accuracy precision
            precision_at_thresholds recall recall_at_thresholds true_negatives
            true_negatives_at_thresholds true_positives true_positives_at_thresholds
        """,
        "graph.metrics.means": """
            accuracy mean mean_absolute_error mean_cosine_distance mean_relative_error
            mean_squared_error mean_tensor percentage_below root_mean_squared_error
        """,
    },
    "nn": {
        "graph.rnn.loops": """
            bidirectional_dynamic_rnn dynamic_rnn static_bidirectional_rnn static_rnn
        """,
        "graph.sampled_losses": "nce_loss sampled_softmax_loss",
    },
    "nn.rnn_cell": {
        "graph.rnn.cells": "BasicLSTMCell BasicRNNCell GRUCell LSTMCell LSTMStateTuple RNNCell",
        "graph.rnn.wrappers": "DeviceWrapper DropoutWrapper MultiRNNCell ResidualWrapper",
    },
    "random": {"graph.surroundings": "get_seed set_random_seed"},
    "test": {"graph.testing": "TestCase get_temp_dir"},
    "train": {
        "graph.older": "ClusterSpec Server replica_device_setter",
        "graph.definition": "export_meta_graph import_meta_graph write_graph",
        "summaries.event_file": "summary_iterator=read_events",
        "v1.decays": """
            cosine_decay cosine_decay_restarts exponential_decay inverse_time_decay
            linear_cosine_decay natural_exp_decay piecewise_constant piecewise_constant_decay
            polynomial_decay
        """,
        "v1.steps": """
            assert_global_step create_global_step get_global_step get_or_create_global_step
            global_step
        """,
        "saving.bundle": "NewCheckpointReader=BundleReader",
        "saving.state": """
            checkpoint_exists get_checkpoint_mtimes remove_checkpoint update_checkpoint_state
        """,
        "v1.averages": "ExponentialMovingAverage",
        "v1.coordinator": "Coordinator",
        "v1.hooks": """
            FeedFnHook FinalOpsHook SecondOrStepTimer SessionRunArgs SessionRunContext
            SessionRunHook SessionRunValues StopAtStepHook
        """,
        "v1.monitored": """
            ChiefSessionCreator MonitoredSession MonitoredTrainingSession Scaffold SessionCreator
            SingularMonitoredSession
        """,
        "v1.queues": """
            GlobalStepWaiterHook ProfilerHook QueueRunner SessionManager Supervisor
            SyncReplicasOptimizer WorkerSessionCreator
            add_queue_runner batch batch_join input_producer limit_epochs maybe_batch
            maybe_batch_join maybe_shuffle_batch maybe_shuffle_batch_join range_input_producer
            shuffle_batch shuffle_batch_join slice_input_producer start_queue_runners
            string_input_producer
        """,
        "v1.saver": "Saver",
        "v1.warm_start": "init_from_checkpoint",
        "v1.saving_hooks": """
            CheckpointSaverHook CheckpointSaverListener LoggingTensorHook
            NanLossDuringTrainingError NanTensorHook StepCounterHook SummarySaverHook
        """,
        "v1.optimizers": """
            AdadeltaOptimizer AdagradDAOptimizer AdagradOptimizer AdamOptimizer FtrlOptimizer
            GradientDescentOptimizer MomentumOptimizer Optimizer ProximalAdagradOptimizer
            ProximalGradientDescentOptimizer RMSPropOptimizer
        """,
    },
}
FUNCTIONS: dict[str, dict[str, str]] = {
    "": {
        "sorting": "is_non_decreasing is_strictly_increasing",
        "files": "decode_base64 decode_raw encode_base64",
        "random.permuting": "random_shuffle=shuffle",
        "random.stateful": "random_normal=normal truncated_normal random_uniform=uniform",
        "scopes": "stop_gradient",
        "strings": """
            string_join=join regex_replace substr string_strip=strip string_to_number=to_number
        """,
        "v1.names": """
            arg_max arg_min argmax argmin count_nonzero div expand_dims gather multinomial norm
            random_gamma random_poisson reduce_all reduce_any reduce_logsumexp reduce_max
            reduce_mean reduce_min reduce_prod reduce_sum squeeze to_double to_float to_int32
            to_int64
        """,
    },
    "nn": {
        "elementwise": "tanh",
        "v1.names": """
            dropout in_top_k moments sigmoid_cross_entropy_with_logits
            softmax_cross_entropy_with_logits
            softmax_cross_entropy_with_logits_v2 sparse_softmax_cross_entropy_with_logits
        """,
        "v1.fused": "fused_batch_norm",
        "v1.sampling": "log_uniform_candidate_sampler uniform_candidate_sampler",
        "v1.nn": """
            avg_pool conv1d conv2d conv2d_transpose conv3d conv3d_transpose convolution
            depthwise_conv2d depthwise_conv2d_native embedding_lookup l2_normalize log_softmax
            max_pool relu_layer separable_conv2d softmax
            weighted_cross_entropy_with_logits xw_plus_b
        """,
    },
}
# Modules of frontend.tf whose functions consist of ops.
_OF_OPS = frozenset([
    "apply", "arrays", "clipping", "decompositions", "elementwise", "indexing",
    "layout", "linalg", "random.permuting", "random.stateful", "random.stateless", "reductions",
    "segments", "shaping",
    "sorting", "special", "strings", "v1.names",
])  # fmt: skip
# Namespaces whose functions make ops; what else is in them is as in TensorFlow 2.
NAMESPACES = frozenset(
    [
        "bitwise",
        "debugging",
        "io",
        "linalg",
        "math",
        "nn",
        "random",
        "sparse",
        "strings",
        "image",
        "signal",
    ]
)


def _entries(table: dict[str, dict[str, str]]) -> dict[str, dict[str, tuple[str, str]]]:
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for space, modules in table.items():
        entries = found[space] = {}
        for module, names in modules.items():
            for entry in names.split():
                public, _, own = entry.partition("=")
                entries[public] = (module, own or public)
    return found


_GRAPH, _FUNCTIONS = _entries(GRAPH), _entries(FUNCTIONS)
# Namespaces with names of their own, beside the root.
SPACES = sorted({*_GRAPH, *_FUNCTIONS} - {""})


def names(space: str = "") -> list[str]:
    """The names of a namespace that differ from TensorFlow 2's."""
    return sorted({*_GRAPH.get(space, {}), *_FUNCTIONS.get(space, {})})


def find(space: str, name: str, newer: Sequence[Any]) -> Any:
    """What a name of a namespace of TensorFlow 1 stands for.

    Args:
        space: "" for the root, or "nn" and the like.
        name: the name.
        newer: modules of TensorFlow 2 where it may be.

    Raises:
        AttributeError: there is no such name.
    """
    own = _GRAPH.get(space, {}).get(name)
    if own is not None:
        return _load(*own)
    function = _FUNCTIONS.get(space, {}).get(name)
    if function is not None:
        return graph_op(_load(*function))
    for module in newer:
        try:
            return aware(getattr(module, name))
        except AttributeError:
            continue
    label = f"tensorwright.compat.v1.{space}".rstrip(".")
    raise AttributeError(f"module {label!r} has no attribute {name!r}")


def _load(module: str, name: str) -> Any:
    return getattr(importlib.import_module(f"{_PACKAGE}.{module}"), name)


def aware(found: Any) -> Any:
    """A function that makes ops in graphs, if it consists of ops; a namespace of such ones."""
    if isinstance(found, ModuleType):
        label = found.__name__.rpartition(".")[2]
        return namespace(found) if label in NAMESPACES else found
    if not isinstance(found, FunctionType):
        return found
    package, _, module = found.__module__.rpartition(f"{_PACKAGE}.")
    if not package and (module in _OF_OPS or module.startswith("nn.")):
        return _wrapped(found)
    return found


@cache
def _wrapped(function: FunctionType) -> Any:
    return graph_op(function)


class Namespace(ModuleType):
    """A namespace of TensorFlow 2 whose functions make ops in graphs."""

    def __init__(self, newer: ModuleType) -> None:
        label = newer.__name__.rpartition(".")[2]
        super().__init__(f"tensorwright.compat.v1.{label}", newer.__doc__)
        self._space = label
        self._newer = newer

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        found = find(self._space, name, [self._newer])
        setattr(self, name, found)
        return found

    def __dir__(self) -> list[str]:
        return sorted({*names(self._space), *dir(self._newer)})


@cache
def namespace(newer: ModuleType) -> Namespace:
    """The namespace for graphs of one of TensorFlow 2; one object."""
    return Namespace(newer)


class Space:
    """A namespace below another one: `tf.contrib.learn`, `tf.estimator.inputs`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        inner = f"{self._name}.{name}"
        if inner in _GRAPH:
            return Space(inner)
        try:
            return find(self._name, name, [])
        except AttributeError as error:
            if not self._name.startswith("contrib."):
                raise
            note = "tf.contrib was removed in TensorFlow 2; use tf.layers, tf.keras or tf.estimator"
            raise AttributeError(f"{error}: {note}") from None

    def __dir__(self) -> list[str]:
        return names(self._name)

    def __repr__(self) -> str:
        return f"<module 'tensorwright.compat.v1.{self._name}'>"
