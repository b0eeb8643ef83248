-- The log: leaves in their order, and the one newest checkpoint over all of them.
-- member: whom an entry is about, for whoever looks for a member's entries; NULL for roots.
CREATE TABLE entries (
    number INTEGER PRIMARY KEY,
    leaf BLOB NOT NULL,
    member BLOB
);
CREATE INDEX entries_by_member ON entries (member, number) WHERE member IS NOT NULL;
CREATE TABLE checkpoint (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL,
    note BLOB NOT NULL
);

-- What lies beside it. slot: the member's place in the order of joining, which gives its tile.
CREATE TABLE members (
    member BLOB PRIMARY KEY,
    slot INTEGER NOT NULL UNIQUE,
    records BLOB,
    bundle BLOB
);

-- Tiles as they are served. replaced_at: NULL while the index names it, else when that ended.
CREATE TABLE tiles (
    kind TEXT NOT NULL,
    hash BLOB NOT NULL,
    number INTEGER NOT NULL,
    content BLOB NOT NULL,
    replaced_at INTEGER,
    PRIMARY KEY (kind, hash)
);
CREATE INDEX tiles_current ON tiles (kind, number) WHERE replaced_at IS NULL;

-- Requests to join. answer: what the endpoint said when it was last asked; NULL before.
CREATE TABLE requests (
    request BLOB PRIMARY KEY,
    member BLOB NOT NULL,
    submission BLOB NOT NULL,
    state TEXT NOT NULL,
    text TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    answer TEXT,
    answered_at INTEGER
);
CREATE INDEX requests_by_state ON requests (state, received_at);

-- Entries about members that wait for more registrars. leaf: content and signatures so far.
CREATE TABLE proposals (
    proposal BLOB PRIMARY KEY,
    member BLOB NOT NULL,
    leaf BLOB NOT NULL,
    made_at INTEGER NOT NULL
);
CREATE INDEX proposals_by_member ON proposals (member);

-- Who changed what: the acts of registrars, in their order. See journal.py.
CREATE TABLE acts (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    registrar TEXT NOT NULL,
    what TEXT NOT NULL,
    member BLOB,
    request BLOB,
    detail TEXT NOT NULL
);
CREATE INDEX acts_by_registrar ON acts (registrar, number);
CREATE INDEX acts_by_member ON acts (member, number);

-- The half minute of the code with which each registrar signed in last: none counts twice.
CREATE TABLE codes_used (
    registrar TEXT PRIMARY KEY,
    step INTEGER NOT NULL
);

-- What members' endpoints said when they were last asked, and when they last answered as they should.
CREATE TABLE endpoints (
    member BLOB PRIMARY KEY,
    answer TEXT NOT NULL,
    asked_at INTEGER NOT NULL,
    good_at INTEGER
);
CREATE INDEX endpoints_by_asked ON endpoints (asked_at);

-- How far a registrar has come with a request: boxes that were ticked, the number that was called.
CREATE TABLE reviews (
    request BLOB PRIMARY KEY REFERENCES requests (request) ON DELETE CASCADE,
    ticked TEXT NOT NULL,
    called TEXT NOT NULL,
    registrar TEXT NOT NULL,
    at INTEGER NOT NULL
);
