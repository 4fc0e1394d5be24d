"""Plans of cuDNN itself for devices that need not be there: it takes what it is asked for.

It makes plans by the properties of a device alone; its frontend wants NVIDIA's driver, though.
"""

from __future__ import annotations

import json

import pytest

import tensorwright as tw
from tensorwright.compiler.launches import Wanted
from tensorwright.runtime.cuda.cudnn import planned, stated

cudnn = pytest.importorskip("cudnn", reason="cuDNN's frontend is not installed")

H100 = {
    "deviceName": "NVIDIA H100 80GB HBM3",
    "cudaDeviceId": 0,
    "deviceVer": 900,
    "driverVer": 13000,
    "isTccDriver": 0,
    "l2CacheSize": 50 << 20,
    "maxBlockSize": [1024, 1024, 64],
    "maxCtasPerSM": 32,
    "maxGridSize": [2**31 - 1, 65535, 65535],
    "maxRegistersPerSM": 65536,
    "maxSharedMemoryPerBlock": 48 << 10,
    "maxSharedMemoryPerBlockOptin": 227 << 10,
    "maxThreadsPerBlock": 1024,
    "maxThreadsPerSM": 2048,
    "memClockRateKHz": 2619000,
    "memoryBusWidth": 5120,
    "multiProcessorCount": 132,
    "oversizedSharedMemoryPerBlock": 227 << 10,
    "pciDeviceId": 0x233010DE,
    "regsPerBlock": 65536,
    "reservedSharedMemoryPerBlock": 1024,
    "smClockRateKHz": 1980000,
    "supportCoopLaunch": 1,
    "totalGlobalMem": 80 << 30,
    "warpSize": 32,
}
A100 = {
    **H100,
    "deviceName": "NVIDIA A100-SXM4-80GB",
    "deviceVer": 800,
    "l2CacheSize": 40 << 20,
    "maxSharedMemoryPerBlockOptin": 163 << 10,
    "memClockRateKHz": 1593000,
    "multiProcessorCount": 108,
    "oversizedSharedMemoryPerBlock": 163 << 10,
    "pciDeviceId": 0x20B210DE,
    "smClockRateKHz": 1410000,
}
CASES = {
    "padding": ("[128, 14, 14, 32]", "[5, 5, 32, 64]", {"padding": 2}),
    "strides": ("[16, 56, 56, 64]", "[3, 3, 64, 128]", {"padding": 1, "strides": 2}),
    "dilation": ("[16, 56, 56, 64]", "[3, 3, 64, 128]", {"padding": 2, "dilation": 2}),
    "groups": ("[16, 14, 14, 64]", "[3, 3, 16, 64]", {"padding": 1, "groups": 4}),
    "odd sizes": ("[3, 11, 13, 5]", "[3, 2, 5, 7]", {}),
    "one axis": ("[16, 56, 64]", "[3, 64, 128]", {"padding": 1}),
    "three axes": ("[4, 8, 9, 10, 16]", "[3, 3, 3, 16, 32]", {"padding": 1}),
}


@pytest.mark.parametrize("device", [A100, H100], ids=["sm_80", "sm_90"])
@pytest.mark.parametrize("dtype", ["f32", "f64"])
@pytest.mark.parametrize("name", CASES)
def test_there_is_a_plan(device, dtype, name):
    x, w, geometry = CASES[name]
    try:
        properties = cudnn.create_device_properties(json.dumps(device))
    except RuntimeError as error:
        pytest.skip(f"cuDNN cannot be loaded: {error}")

    def loss(x, w):
        return (tw.conv(x, w, **geometry) ** 2).sum()

    program = tw.jit(tw.grad(loss, argnums=(0, 1))).lower(f"{dtype}{x}", f"{dtype}{w}")
    wanted = set()
    for call in program.compilation.gpu.calls():
        problem = stated(call, {})
        assert problem is not None
        plan = planned(cudnn, problem, device_property=properties)
        assert plan is not None and plan.room >= 0, problem
        wanted.add(call.wanted)
    assert {Wanted.OUTPUTS, Wanted.FILTERS} <= wanted
    assert Wanted.INPUTS in wanted or "groups" in geometry


def test_no_plan_is_an_answer():
    try:
        properties = cudnn.create_device_properties(json.dumps(H100))
    except RuntimeError as error:
        pytest.skip(f"cuDNN cannot be loaded: {error}")
    program = tw.jit(lambda x, w: tw.conv(x, w)).lower("f32[2, 8, 8, 4]", "f32[3, 3, 4, 4]")
    (call,) = program.compilation.gpu.calls()
    problem = stated(call, {})
    assert problem is not None

    class Refusing:
        """cuDNN, none of whose plans is deterministic."""

        def __getattr__(self, name):
            return getattr(cudnn, name)

        def pygraph(self, **options):
            graph = cudnn.pygraph(**options)
            graph.deselect_engines(["eng"])
            return graph

    assert planned(Refusing(), problem, device_property=properties) is None
