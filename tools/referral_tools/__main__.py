"""`python -m referral_tools` is `referral`, for whoever has to start it by its interpreter."""

from referral_tools.cli import main

main(prog_name="referral")
