"""How XLA compiles for tests, which compile much and compute little."""

# Half the time to compile, to slower code.
FAST = (
  '--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false '
  '--xla_cpu_parallel_codegen_split_count=1'
)


def with_devices(count: int) -> str:
  """XLA_FLAGS for so many CPU devices."""
  return f'--xla_force_host_platform_device_count={count} {FAST}'
