-- The first schema. Times are integer milliseconds UTC. Column order, BLOB, INTEGER and TEXT only:
-- the subset of SQL that PostgreSQL runs too (BLOB becomes BYTEA).

-- Small facts of this node: member id, epoch, certificate, directory anchor, checkpoint ...
CREATE TABLE facts (
    name TEXT PRIMARY KEY NOT NULL,
    value BLOB NOT NULL
);

-- People who may sign in.
CREATE TABLE users (
    id BLOB PRIMARY KEY NOT NULL,
    name TEXT NOT NULL UNIQUE,
    display TEXT NOT NULL,
    role TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    ended_at INTEGER
);

-- Each slot wraps the vault's master key for one password or for the printed kit.
CREATE TABLE slots (
    id BLOB PRIMARY KEY NOT NULL,
    kind TEXT NOT NULL,
    user BLOB,
    parameters BLOB NOT NULL,
    wrapped BLOB NOT NULL,
    made_at INTEGER NOT NULL
);

-- Secrets sealed under the master key, by name.
CREATE TABLE secrets (
    name TEXT PRIMARY KEY NOT NULL,
    sealed BLOB NOT NULL,
    made_at INTEGER NOT NULL
);

-- Case prekeys: the seed is sealed under the master key.
CREATE TABLE case_prekeys (
    id BLOB PRIMARY KEY NOT NULL,
    seed BLOB NOT NULL,
    public BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    starts INTEGER NOT NULL,
    ends INTEGER NOT NULL
);

-- Transport prekeys: usable by the running node alone, gone after three days, never in a backup.
CREATE TABLE transport_prekeys (
    id BLOB PRIMARY KEY NOT NULL,
    seed BLOB NOT NULL,
    signed BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    ends INTEGER NOT NULL
);

-- The directory as it was replicated and verified.
CREATE TABLE log_entries (
    number INTEGER PRIMARY KEY NOT NULL,
    leaf BLOB NOT NULL
);
CREATE TABLE records (
    member BLOB PRIMARY KEY NOT NULL,
    record BLOB NOT NULL
);
CREATE TABLE bundles (
    member BLOB PRIMARY KEY NOT NULL,
    bundle BLOB NOT NULL,
    made_at INTEGER NOT NULL
);

-- What we learned of a peer on the wire: its newest certificate and transport prekey.
CREATE TABLE peers (
    member BLOB PRIMARY KEY NOT NULL,
    certificate BLOB,
    certified_at INTEGER NOT NULL DEFAULT 0,
    prekey BLOB,
    prekey_ends INTEGER NOT NULL DEFAULT 0,
    checkpoint TEXT,
    failures INTEGER NOT NULL DEFAULT 0,
    reached_at INTEGER,
    tried_at INTEGER,
    trouble TEXT
);

-- The telephone check before the first referral. Who spoke is sealed under the master key.
CREATE TABLE first_contacts (
    member BLOB PRIMARY KEY NOT NULL,
    fingerprint TEXT NOT NULL,
    vault_key BLOB NOT NULL,
    same INTEGER NOT NULL,
    sealed BLOB NOT NULL,
    actor BLOB NOT NULL,
    at INTEGER NOT NULL
);

-- The highest counter that we used towards each peer in each epoch.
CREATE TABLE counters (
    peer BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (peer, epoch)
);

-- A thread. The case key is wrapped by the master key; summary is sealed under the case key.
-- attention: 1 while something new is to be read or the other side waits for our word, so that a list
-- finds such a thread among many that have ended without opening any of them.
-- erase_at: somebody decided so then; erased_at: the case key and all contents are gone.
-- withdrawn: the referring side took it back; look_at: when notices have to look at it next.
CREATE TABLE threads (
    id BLOB PRIMARY KEY NOT NULL,
    peer BLOB NOT NULL,
    role TEXT NOT NULL,
    kind TEXT NOT NULL,
    priority TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    respond_by INTEGER NOT NULL,
    state TEXT NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0,
    withdrawn INTEGER NOT NULL DEFAULT 0,
    look_at INTEGER NOT NULL DEFAULT 0,
    changed_at INTEGER NOT NULL,
    follow_up_at INTEGER,
    erase_at INTEGER,
    erased_at INTEGER,
    case_key BLOB,
    summary BLOB,
    summary_version INTEGER NOT NULL DEFAULT 0,
    attention INTEGER NOT NULL DEFAULT 0
);
-- What lists choose and sort by stands in the index: turning pages reads no thread but those shown.
CREATE INDEX threads_listed ON threads (ended, changed_at DESC, id, peer, state);
CREATE INDEX threads_attention ON threads (id) WHERE attention = 1;
CREATE INDEX threads_counted ON threads (role, opened_at, peer, id, respond_by);
CREATE INDEX threads_look ON threads (look_at);
CREATE INDEX threads_to_erase ON threads (id) WHERE erase_at IS NOT NULL AND erased_at IS NULL;

-- Every statement that we made or hold, both directions. number keeps the order of arrival here.
-- body, ours: 'unsealed' (waits for a key), 'outgoing', 'gone' (delivered), 'none' (sent as a husk);
-- theirs: 'sealed', 'imported', 'unreadable', 'none' (a husk); of both: 'lost' (a peer brought the
-- statement back, its content is still to come). withheld says why a husk has no body;
-- code is what was refused or not readable.
CREATE TABLE messages (
    number INTEGER PRIMARY KEY NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    thread BLOB NOT NULL,
    peer BLOB NOT NULL,
    mine INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    previous BLOB,
    seen BLOB,
    at INTEGER NOT NULL,
    expires INTEGER NOT NULL,
    kind TEXT NOT NULL,
    state TEXT,
    statement BLOB NOT NULL,
    signature BLOB NOT NULL,
    body TEXT NOT NULL,
    body_hash BLOB,
    withheld TEXT,
    code TEXT,
    held_at INTEGER,
    actor BLOB
);
CREATE UNIQUE INDEX messages_counter ON messages (peer, mine, epoch, seq);
CREATE INDEX messages_thread ON messages (thread, number);
CREATE INDEX messages_previous ON messages (previous) WHERE previous IS NOT NULL;
-- SQLite takes a partial index only where a query has its condition word for word.
CREATE INDEX messages_sealed ON messages (number) WHERE body = 'sealed';
CREATE INDEX messages_unsealed ON messages (peer, thread) WHERE body = 'unsealed';
CREATE INDEX messages_state ON messages (thread, mine, state, at) WHERE state IS NOT NULL;
CREATE INDEX messages_lost ON messages (peer, number) WHERE body = 'lost';
-- By when either side held it: a peer that lost something asks by time.
CREATE INDEX messages_held ON messages (peer, held_at) WHERE held_at IS NOT NULL;

-- What was said: salt and content under the case key. Beside the messages, not in them: a list or a
-- change of state reads and writes a tenth of the bytes.
CREATE TABLE contents (
    message INTEGER PRIMARY KEY NOT NULL,
    private BLOB NOT NULL
);

-- Sealed bodies: ours until they are held by the peer, theirs until they are imported.
CREATE TABLE bodies (
    message INTEGER PRIMARY KEY NOT NULL,
    sealed BLOB NOT NULL
);

-- What still has to reach a peer. rank: lower goes first.
CREATE TABLE outbox (
    message INTEGER PRIMARY KEY NOT NULL,
    peer BLOB NOT NULL,
    rank INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    sent_at INTEGER,
    code TEXT
);
CREATE INDEX outbox_peer ON outbox (peer, rank, message);
CREATE INDEX outbox_reused ON outbox (message) WHERE code = 'counter-reused';

-- Receipts of what we sent: the evidence. answers links each of our messages to its receipt.
CREATE TABLE receipts (
    parcel BLOB PRIMARY KEY NOT NULL,
    peer BLOB NOT NULL,
    at INTEGER NOT NULL,
    content BLOB NOT NULL,
    signature BLOB NOT NULL,
    certificate BLOB NOT NULL
);
CREATE TABLE answers (
    message INTEGER NOT NULL,
    parcel BLOB NOT NULL,
    status TEXT NOT NULL,
    code TEXT,
    at INTEGER NOT NULL,
    PRIMARY KEY (message, parcel)
);

-- Receipts that we gave, so that a known parcel gets the same answer again. Each sender names its
-- own parcels: one that takes another's name learns nothing of that one's receipt.
CREATE TABLE given (
    parcel BLOB NOT NULL,
    sender BLOB NOT NULL,
    at INTEGER NOT NULL,
    content BLOB NOT NULL,
    signature BLOB NOT NULL,
    PRIMARY KEY (sender, parcel)
);
CREATE INDEX given_at ON given (at);

-- Drafts, sealed under a case key of their own.
CREATE TABLE drafts (
    id BLOB PRIMARY KEY NOT NULL,
    case_key BLOB NOT NULL,
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    saved_at INTEGER NOT NULL,
    actor BLOB NOT NULL
);

-- Notes that a member keeps on another one; sealed under the master key.
CREATE TABLE member_notes (
    id BLOB PRIMARY KEY NOT NULL,
    member BLOB NOT NULL,
    sealed BLOB NOT NULL,
    at INTEGER NOT NULL
);

-- Who did what when: ids and codes only.
CREATE TABLE audit (
    number INTEGER PRIMARY KEY NOT NULL,
    at INTEGER NOT NULL,
    actor BLOB,
    action TEXT NOT NULL,
    subject BLOB,
    code TEXT
);
CREATE INDEX audit_subject ON audit (subject, number);

-- What each peer is asked for. since: everything that either held from then on, page by page; cursor
-- is the peer's own word for the next page; done_at: the last one came; found: statements that were
-- missing here. bodies_at: when lost contents are asked for next.
CREATE TABLE catching (
    peer BLOB PRIMARY KEY NOT NULL,
    since INTEGER,
    begun_at INTEGER NOT NULL,
    cursor BLOB,
    done_at INTEGER,
    found INTEGER NOT NULL DEFAULT 0,
    bodies_at INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    code TEXT
);

-- The highest counter that we hold of each peer's epochs, and those below it that are missing.
CREATE TABLE heard (
    peer BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    top INTEGER NOT NULL,
    PRIMARY KEY (peer, epoch)
);
CREATE TABLE gaps (
    peer BLOB NOT NULL,
    epoch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    since INTEGER NOT NULL,
    asked_at INTEGER,
    code TEXT,
    PRIMARY KEY (peer, epoch, seq)
);

-- Statements of a peer that a later one of its own names, and that are not here.
CREATE TABLE missing (
    hash BLOB PRIMARY KEY NOT NULL,
    peer BLOB NOT NULL,
    thread BLOB NOT NULL,
    since INTEGER NOT NULL,
    asked_at INTEGER,
    code TEXT
);

-- Contents that a peer lost and asked for: given back at a keyholder's next page.
CREATE TABLE owed (
    message INTEGER PRIMARY KEY NOT NULL,
    peer BLOB NOT NULL,
    asked_at INTEGER NOT NULL,
    paid_at INTEGER
);

-- Files beside messages. The ciphertext lies in the folder `attachments`, under its hash, exactly as
-- it travels. state: 'coming' (theirs; held bytes of it are synced), 'kept' (all of it is there),
-- 'dropped' (nobody needs it: the file goes, then the row). message: the statement that lists it.
-- Ours, until it is said: owner is the draft or thread that it was added to, and private says what
-- the body will say of it, under the owner's case key. waits: ours, the message that may not go
-- before the peer has this; NULL: the peer has it. peer: theirs, or for whom it is once it is said.
CREATE TABLE attachments (
    number INTEGER PRIMARY KEY NOT NULL,
    hash BLOB NOT NULL,
    mine INTEGER NOT NULL,
    peer BLOB,
    size INTEGER NOT NULL,
    held INTEGER NOT NULL,
    state TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    message BLOB,
    waits INTEGER,
    owner BLOB,
    private BLOB
);
CREATE UNIQUE INDEX attachments_theirs ON attachments (peer, hash) WHERE mine = 0;
CREATE INDEX attachments_hash ON attachments (hash);
CREATE INDEX attachments_message ON attachments (message);
CREATE INDEX attachments_owner ON attachments (owner);
CREATE INDEX attachments_waiting ON attachments (waits) WHERE waits IS NOT NULL;
CREATE INDEX attachments_to_bring ON attachments (peer, waits) WHERE waits IS NOT NULL;

-- Where keyholders are told by mail that something waits.
CREATE TABLE mail_addresses (
    user BLOB PRIMARY KEY NOT NULL,
    address TEXT NOT NULL,
    set_at INTEGER NOT NULL
);

-- When a keyholder is away: the first and the last day, as dates of the node's time zone.
CREATE TABLE absences (
    number INTEGER PRIMARY KEY NOT NULL,
    user BLOB NOT NULL,
    first TEXT NOT NULL,
    last TEXT NOT NULL,
    set_at INTEGER NOT NULL
);
CREATE INDEX absences_user ON absences (user, last);

-- What somebody has to be told by mail, each once: codes, ids and times, nothing of a case.
-- audience: contact, deputy or administrator; subject: a thread, a peer or nothing; occasion: what
-- makes it new, such as the time by which an answer was due; urgent: it breaks quiet hours.
CREATE TABLE notices (
    number INTEGER PRIMARY KEY NOT NULL,
    audience TEXT NOT NULL,
    reason TEXT NOT NULL,
    subject BLOB NOT NULL,
    occasion INTEGER NOT NULL,
    urgent INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    closed_at INTEGER
);
CREATE UNIQUE INDEX notices_once ON notices (audience, reason, subject, occasion);
CREATE INDEX notices_waiting ON notices (audience, urgent, made_at) WHERE closed_at IS NULL;
CREATE TABLE notices_told (
    notice INTEGER NOT NULL,
    person BLOB NOT NULL,
    PRIMARY KEY (notice, person)
);

-- How mailing each person goes: when the last mail was taken, and when to try again if one was not.
CREATE TABLE mailings (
    person BLOB PRIMARY KEY NOT NULL,
    mailed_at INTEGER,
    failures INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL DEFAULT 0,
    code TEXT
);

-- A change of what the directory says of us, signed and on its way: one at a time. changed: what
-- differs, as codes. sent_at: the directory took it. done_at: our copy of the log holds it; its
-- records are kept here until the next one. code: it was refused for good; said: in whose words.
-- log_size: how much of the log was held when it was made.
CREATE TABLE updates (
    id BLOB PRIMARY KEY NOT NULL,
    submission BLOB NOT NULL,
    changed TEXT NOT NULL,
    log_size INTEGER NOT NULL,
    made_at INTEGER NOT NULL,
    sent_at INTEGER,
    done_at INTEGER,
    code TEXT,
    said TEXT NOT NULL DEFAULT ''
);

-- A new vault key of ours that is not in the log yet, with all that takes effect when it is: nobody
-- need be signed in then. One at most. sealed: its seed under the master key. reason: routine,
-- compromised or lost. key_change_prekeys: case prekeys made with it, if the old ones are to go.
CREATE TABLE key_changes (
    public BLOB PRIMARY KEY NOT NULL,
    reason TEXT NOT NULL,
    sealed BLOB NOT NULL,
    certificate BLOB NOT NULL,
    bundle BLOB NOT NULL,
    begun_at INTEGER NOT NULL,
    actor BLOB
);
CREATE TABLE key_change_prekeys (
    id BLOB PRIMARY KEY NOT NULL,
    seed BLOB NOT NULL,
    public BLOB NOT NULL,
    made_at INTEGER NOT NULL,
    starts INTEGER NOT NULL,
    ends INTEGER NOT NULL
);

-- What was said and not delivered yet, signed by the vault key that is to come.
CREATE TABLE signed_ahead (
    message INTEGER PRIMARY KEY NOT NULL,
    signature BLOB NOT NULL
);

-- Vault keys that this folder has replaced itself: public halves; the private ones are gone.
CREATE TABLE former_keys (
    public BLOB PRIMARY KEY NOT NULL,
    until INTEGER NOT NULL,
    reason TEXT NOT NULL
);

-- Two checkpoints of the log that cannot both be true, as a portable proof (DIRECTORY 7.2). shown_by:
-- the member that showed the one that was new here, NULL: the directory. size, root: of that one.
-- alike: how many entries both logs have in common; 0: not known. settled_at: the administrator
-- decided to go on with what is held here.
CREATE TABLE forks (
    proof BLOB PRIMARY KEY NOT NULL,
    data BLOB NOT NULL,
    found_at INTEGER NOT NULL,
    shown_by BLOB,
    size INTEGER NOT NULL,
    root BLOB NOT NULL,
    alike INTEGER NOT NULL,
    settled_at INTEGER
);

-- A checkpoint that a member showed, of more entries than are held here, which nobody gives us yet.
CREATE TABLE ahead (
    member BLOB PRIMARY KEY NOT NULL,
    note TEXT NOT NULL,
    since INTEGER NOT NULL
);

-- Up to which entry each witness has cosigned this log, and when.
CREATE TABLE cosigned (
    witness BLOB NOT NULL,
    size INTEGER NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (witness, size)
);

-- Our own profile as we are changing it, until the directory has it: one, sealed under the master
-- key. version: of what is sealed, so that no window overwrites what another has saved.
CREATE TABLE own_profile (
    name TEXT PRIMARY KEY NOT NULL,
    sealed BLOB NOT NULL,
    version INTEGER NOT NULL,
    saved_at INTEGER NOT NULL
);
