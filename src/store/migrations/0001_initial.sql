-- Both SQLite and PostgreSQL take every statement here. Times are milliseconds since 1970; what queries do not
-- compare is JSON.

CREATE TABLE countersign_schema (
    version BIGINT NOT NULL PRIMARY KEY
);

-- Which key belongs to whom, since a sign-in and until a time.
CREATE TABLE logins (
    fingerprint TEXT NOT NULL PRIMARY KEY,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    since BIGINT NOT NULL,
    until BIGINT NOT NULL,
    login TEXT NOT NULL
);
CREATE INDEX logins_person ON logins (issuer, subject);
CREATE INDEX logins_until ON logins (until);

-- One row: the last serial number that was given out.
CREATE TABLE certificate_serial (
    slot BIGINT NOT NULL PRIMARY KEY CHECK (slot = 1),
    latest BIGINT NOT NULL
);
INSERT INTO certificate_serial (slot, latest) VALUES (1, 0);

-- Certificates issued to people, by which a certificate is mapped back to the whole principal.
CREATE TABLE certificates (
    serial BIGINT NOT NULL PRIMARY KEY,
    key_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    until BIGINT NOT NULL,
    principal TEXT NOT NULL
);
CREATE INDEX certificates_person ON certificates (issuer, subject);

CREATE TABLE revocations (
    serial BIGINT NOT NULL PRIMARY KEY,
    revoked BIGINT NOT NULL,
    why TEXT NOT NULL
);

CREATE TABLE sessions (
    id TEXT NOT NULL PRIMARY KEY,
    node TEXT NOT NULL,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    started BIGINT NOT NULL,
    ended BIGINT,
    summary TEXT NOT NULL,
    session_end TEXT
);
CREATE INDEX sessions_started ON sessions (started, id);
CREATE INDEX sessions_person ON sessions (issuer, subject, started);
CREATE INDEX sessions_running ON sessions (node) WHERE ended IS NULL;

-- A hold waits while it has not ended; its version grows with each change.
CREATE TABLE holds (
    id TEXT NOT NULL PRIMARY KEY,
    node TEXT NOT NULL,
    digest TEXT NOT NULL,
    version BIGINT NOT NULL,
    created BIGINT NOT NULL,
    ended BIGINT,
    state TEXT NOT NULL
);
CREATE INDEX holds_waiting ON holds (created) WHERE ended IS NULL;
CREATE INDEX holds_ended ON holds (ended);

-- The hash chains, one a node. The event is the exact text that is hashed.
CREATE TABLE audit (
    node TEXT NOT NULL,
    seq BIGINT NOT NULL,
    appended BIGINT NOT NULL,
    event TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (node, seq)
);
CREATE INDEX audit_time ON audit (node, appended);
