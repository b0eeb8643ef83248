"""Evidence bundles: made by a node, checked by anybody, offline (SPEC 8.4)."""

from referral_protocol.evidence.bundle import (
    MAX_EVIDENCE,
    Disclosed,
    EvidenceBundle,
    Given,
    LogEntry,
    Stated,
    log_entries,
    make_evidence,
    parse_evidence,
)
from referral_protocol.evidence.findings import Findings
from referral_protocol.evidence.verify import verify_evidence

__all__ = [
    "MAX_EVIDENCE",
    "Disclosed",
    "EvidenceBundle",
    "Findings",
    "Given",
    "LogEntry",
    "Stated",
    "log_entries",
    "make_evidence",
    "parse_evidence",
    "verify_evidence",
]
