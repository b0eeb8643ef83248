"""`referral directory`: what VSE's office types, a module for each group of commands."""
