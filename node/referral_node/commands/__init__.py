"""`referral node`: what an administrator types, a module for each group of commands."""
