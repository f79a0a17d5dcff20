"""What the devices are said to reach, and how much memory is in use."""

import resource
import sys

import jax

PEAK_FLOPS = {
  'TPU v4': 275e12,
  'TPU v5 lite': 197e12,
  'TPU v5e': 197e12,
  'TPU v5p': 459e12,
  'TPU v5': 459e12,
  'TPU v6 lite': 918e12,
  'TPU v6e': 918e12,
  'NVIDIA A100': 312e12,
  'NVIDIA H100 PCIe': 756e12,
  'NVIDIA H100': 989e12,
}
"""Dense bfloat16 FLOP/s of a device, by how its `device_kind` begins; from the
makers' pages, https://cloud.google.com/tpu/docs/system-architecture-tpu-vm and
https://www.nvidia.com/en-us/data-center/h100/. The first that fits counts."""


def peak_flops(kind: str) -> float | None:
  """FLOP/s that a device is said to reach; None for one not in the table.

  >>> peak_flops('NVIDIA A100-SXM4-80GB')
  312000000000000.0
  """
  for name, peak in PEAK_FLOPS.items():
    if kind.startswith(name):
      return peak
  return None


def memory() -> dict[str, float]:
  """The most memory that was in use so far, GiB.

  That of the fullest device of this process; where devices do not count it, as
  CPUs do not, that of the process.
  """
  stats = [device.memory_stats() or {} for device in jax.local_devices()]
  peaks = [
    one['peak_bytes_in_use'] for one in stats if 'peak_bytes_in_use' in one
  ]
  if peaks:
    return {'device_memory_gib': max(peaks) / 2**30}
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  # Kilobytes on Linux, bytes on macOS.
  scale = 1 if sys.platform == 'darwin' else 1024
  return {'host_memory_gib': peak * scale / 2**30}
