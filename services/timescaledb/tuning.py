"""The container's limits, and the settings of PostgreSQL that follow from them.

The host reads `tuning` as well, before it starts anything.
"""

import os
from pathlib import Path

MIB = 1024 * 1024


def memory_limit(root: Path = Path("/sys/fs/cgroup"), meminfo: Path = Path("/proc/meminfo")) -> int:
    """Bytes this container may use: its cgroup's limit (v2, then v1) or the machine's memory."""
    total = int(meminfo.read_text().split("MemTotal:")[1].split()[0]) * 1024
    for path in (root / "memory.max", root / "memory" / "memory.limit_in_bytes"):
        try:
            # v2 writes `max` for no limit, v1 a number far above any machine's memory.
            return min(int(path.read_text()), total)
        except (OSError, ValueError):
            continue
    return total


def cpu_limit(root: Path = Path("/sys/fs/cgroup")) -> int:
    """Whole processors this container may use, at least one."""
    available = len(os.sched_getaffinity(0))
    try:
        quota, period = (root / "cpu.max").read_text().split()
    except OSError:
        try:
            quota = (root / "cpu" / "cpu.cfs_quota_us").read_text().strip()
            period = (root / "cpu" / "cpu.cfs_period_us").read_text().strip()
        except OSError:
            return available
    if quota in ("max", "-1"):
        return available
    return max(1, min(available, int(quota) // int(period)))


def tuning(memory: int, cpus: int) -> dict[str, str]:
    """Settings for this many bytes and processors.

    A quarter for shared buffers and three quarters as the planner's idea of the cache are
    PostgreSQL's own advice; the sorts and hashes of all connections together get another quarter.
    """
    connections = 50 if memory < 1024 * MIB else min(400, memory // (1024 * MIB) * 100)
    work_memory = max(4 * MIB, memory // 4 // connections)
    return {
        "max_connections": str(connections),
        "shared_buffers": f"{max(32, memory // 4 // MIB)}MB",
        "effective_cache_size": f"{max(96, memory * 3 // 4 // MIB)}MB",
        "work_mem": f"{work_memory // 1024}kB",
        "maintenance_work_mem": f"{min(2048, max(32, memory // 16 // MIB))}MB",
        "max_parallel_workers": str(cpus),
        "max_parallel_workers_per_gather": str(max(1, cpus // 2)),
        "max_parallel_maintenance_workers": str(max(1, cpus // 2)),
        # A scheduler, and the policies of the Community edition that are due at once.
        "timescaledb.max_background_workers": "16",
        # Three of its own, TimescaleDB's sixteen and its launcher, and the parallel ones.
        "max_worker_processes": str(20 + cpus),
    }
