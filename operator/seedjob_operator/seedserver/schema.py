"""The tables. Times are microseconds since 1970, money is decimal text."""

VERSION = 3

SCHEMA = """
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    status TEXT NOT NULL,
    gpu TEXT NOT NULL,
    gpu_count INTEGER NOT NULL,
    region TEXT NOT NULL,
    progress TEXT,
    cost_per_hour TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    started_at INTEGER,
    resumed_at INTEGER,
    ran_before INTEGER NOT NULL DEFAULT 0,
    completed_at INTEGER,
    command TEXT NOT NULL,
    image TEXT,
    repo TEXT,
    branch TEXT,
    cpu INTEGER NOT NULL,
    memory_gb INTEGER NOT NULL,
    disk_gb INTEGER NOT NULL,
    env TEXT NOT NULL,
    spot INTEGER NOT NULL,
    num_nodes INTEGER NOT NULL,
    timeout_minutes INTEGER NOT NULL,
    max_retries INTEGER NOT NULL,
    artifacts_path TEXT,
    retry_count INTEGER NOT NULL DEFAULT 0,
    exit_code INTEGER,
    error TEXT,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    preempt_requested INTEGER NOT NULL DEFAULT 0,
    artifacts TEXT,
    UNIQUE (namespace, name)
);
CREATE INDEX jobs_by_creation ON jobs (namespace, created_at, seq);
CREATE INDEX jobs_by_status_creation ON jobs (namespace, status, created_at, seq);
CREATE INDEX jobs_by_status_start ON jobs (namespace, status, started_at, seq);
CREATE INDEX jobs_by_status_completion ON jobs (namespace, status, completed_at, seq);
CREATE INDEX jobs_active ON jobs (queued_at, seq) WHERE status IN ('queued', 'running');

CREATE TABLE usage (
    job_id TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    samples INTEGER NOT NULL,
    cpu_average REAL,
    cpu_last REAL,
    memory_max_gb REAL,
    memory_last_gb REAL,
    gpu_samples INTEGER NOT NULL DEFAULT 0,
    gpu_average REAL,
    gpu_max REAL,
    gpu_last REAL,
    gpu_memory_max_gb REAL,
    gpu_memory_last_gb REAL
) WITHOUT ROWID;
CREATE TABLE samples (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    at INTEGER NOT NULL,
    cpu REAL NOT NULL,
    memory_gb REAL NOT NULL,
    gpu REAL,
    PRIMARY KEY (job_id, at)
) WITHOUT ROWID;

-- One row per accepted create, never removed: what checks of exactly-once creation count.
CREATE TABLE ledger (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    job_id TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL
);
CREATE INDEX ledger_by_name ON ledger (namespace, name);
"""
