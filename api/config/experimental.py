"""`tf.config.experimental`: older names, and the memory of devices."""

from ..frontend.tf.devices import LogicalDeviceConfiguration as VirtualDeviceConfiguration
from ..frontend.tf.devices import (
    enable_op_determinism,
    get_device_details,
    get_memory_growth,
    get_memory_info,
    get_visible_devices,
    list_logical_devices,
    list_physical_devices,
    set_memory_growth,
    set_visible_devices,
)
from ..frontend.tf.devices import (
    get_logical_device_configuration as get_virtual_device_configuration,
)
from ..frontend.tf.devices import (
    set_logical_device_configuration as set_virtual_device_configuration,
)

__all__ = [
    "VirtualDeviceConfiguration",
    "enable_op_determinism",
    "get_device_details",
    "get_memory_growth",
    "get_memory_info",
    "get_virtual_device_configuration",
    "get_visible_devices",
    "list_logical_devices",
    "list_physical_devices",
    "set_memory_growth",
    "set_virtual_device_configuration",
    "set_visible_devices",
]
