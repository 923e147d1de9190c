"""The recording file: one SQLite database. This text is its only definition; the docs page is made from it.

A recording holds measurements as numbers, text and JSON. It never holds a pickle, code to run, environment
variables, or the name of a file that a reader would open.
"""

SCHEMA_VERSION = 3

APPLICATION_ID = 0x4B534350
"""SQLite application_id: the letters KSCP."""

SCHEMA = """
-- Facts about the run, one JSON value per key: kerascope, keras, backend, backend_version, python, platform,
-- devices, subject (script or "notebook"), argv, started (ISO 8601), seconds, watch_seconds, outcome,
-- exit_code, error.
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- One row per watched model. facts is JSON: layers (topology), compile (loss, metrics, flags), optimizer
-- (configuration), data (how batches came).
CREATE TABLE models (id INTEGER PRIMARY KEY, name TEXT NOT NULL, class TEXT NOT NULL, facts TEXT NOT NULL);

-- One row per call of fit, or per unbroken series of train_on_batch calls. began and ended are seconds since
-- the watch began; outcome is "finished", "stopped", "interrupted" or "failed"; NULL while running.
CREATE TABLE trainings (id INTEGER PRIMARY KEY, model INTEGER NOT NULL, method TEXT NOT NULL,
                        first_step INTEGER NOT NULL, began REAL NOT NULL, ended REAL, outcome TEXT,
                        facts TEXT NOT NULL);

-- What the columns of a packed blob mean: a JSON list of names. part is "logs", "state", "gradient", "weight",
-- "update", "output", "loss" or "input". A model may have several layouts of one part when it changes under way.
CREATE TABLE layouts (id INTEGER PRIMARY KEY, model INTEGER NOT NULL, part TEXT NOT NULL, names TEXT NOT NULL);

-- One row per training step, steps counted from 1 for each model. data: little-endian float64
-- [at, seconds, busy, learning_rate, batch_size, *logs]; seconds is entry to entry, busy the time inside Keras's
-- own step function (dispatch only on asynchronous devices). Unknown figures are NaN.
CREATE TABLE steps (model INTEGER NOT NULL, step INTEGER NOT NULL, training INTEGER NOT NULL,
                    epoch INTEGER NOT NULL, layout INTEGER NOT NULL, data BLOB NOT NULL,
                    PRIMARY KEY (model, step)) WITHOUT ROWID;

-- The whole state after a step, every K steps: little-endian float32 norm of each variable in the layout.
-- finite is 0 when any of them holds a NaN or infinity.
CREATE TABLE checks (model INTEGER NOT NULL, step INTEGER NOT NULL, layout INTEGER NOT NULL,
                     finite INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (model, step)) WITHOUT ROWID;

-- Full statistics of a sampled step: little-endian float32, seven figures per name of the layout in the order
-- norm, mean, std, min, max, zeros, finite. part "loss" holds the losses of that single batch, "input" its inputs.
-- A row of NaN means that the variable got no gradient at all (it is not connected to the loss).
CREATE TABLE samples (model INTEGER NOT NULL, step INTEGER NOT NULL, part TEXT NOT NULL, layout INTEGER NOT NULL,
                      finite INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (model, step, part)) WITHOUT ROWID;

-- Where the time of a step went, thinned to 4096 steps per model: little-endian float32 seconds of every phase in the
-- layout (part "time"); they add up to the step, from its entry to the next one's. flags is a sum: 1 when the device
-- was waited for before and after the step, 2 when stacks were sampled, 4 when kerascope ran programs of its own.
CREATE TABLE timings (model INTEGER NOT NULL, step INTEGER NOT NULL, layout INTEGER NOT NULL,
                      flags INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (model, step)) WITHOUT ROWID;

-- Epoch results as Keras reports them, validation included. logs is JSON.
CREATE TABLE epochs (training INTEGER NOT NULL, epoch INTEGER NOT NULL, last_step INTEGER NOT NULL,
                     seconds REAL NOT NULL, logs TEXT NOT NULL, PRIMARY KEY (training, epoch)) WITHOUT ROWID;

-- What went in: per input and label of a sampled batch dtype, shape, range, feature scales, class counts. JSON.
CREATE TABLE batches (model INTEGER NOT NULL, step INTEGER NOT NULL, facts TEXT NOT NULL,
                      PRIMARY KEY (model, step)) WITHOUT ROWID;

-- What it takes to run a step again, as safetensors (see record/tensors.py). kind "state": everything the step
-- reads and writes, as it was just before it; kind "batch": its data. The facts in the header say how the tensors
-- belong together, and why they were kept. Cut into chunks of at most 64 MiB, in order.
CREATE TABLE captures (model INTEGER NOT NULL, step INTEGER NOT NULL, kind TEXT NOT NULL, chunk INTEGER NOT NULL,
                       data BLOB NOT NULL, PRIMARY KEY (model, step, kind, chunk));

-- The user's source as text, so that a finding can show the line even when the script has changed since.
CREATE TABLE sources (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;

-- Everything that happened once. kind: "gap" (could not be watched, and why), "internal" (kerascope's own
-- failure), "nonfinite" (where the first NaN or infinity was traced to), "birth" (the line it came from, found by
-- running the step again after the training), "crash" (why the script died: a report), "compile" (a program was made,
-- and why), "profile" (what a profile measured beside the steps), "stall" (nothing moved; all stacks), "note". facts is
-- JSON.
CREATE TABLE events (id INTEGER PRIMARY KEY, at REAL NOT NULL, model INTEGER, step INTEGER,
                     kind TEXT NOT NULL, facts TEXT NOT NULL);
"""
