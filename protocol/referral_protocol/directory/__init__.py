"""The directory's half of the protocol (DIRECTORY.md): a log that cannot lie and stay unnoticed.

:mod:`tree` and :mod:`notes` are the public standards (RFC 6962, C2SP); :mod:`entries` the leaves;
:mod:`rules` and :mod:`state` their verified fold; :mod:`replica` what a node keeps; :mod:`tiles`,
:mod:`records` and :mod:`board` what lies beside the log; :mod:`requests` what a member sends in;
:mod:`paths` where it is all served; :mod:`invitation` how somebody is asked to join.
"""
