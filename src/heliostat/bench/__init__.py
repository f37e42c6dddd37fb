"""The bench: the same workloads on heliostat, on its peers and on the bare machine.

``heliostat bench core`` is :mod:`heliostat.cli.bench`; the work is done in four steps:

* :mod:`.rows` says what is measured and which budgets heliostat has to meet;
* :mod:`.runner` starts one process a subject, which runs :mod:`.measure`;
* :mod:`.results` turns samples into medians, ratios and verdicts;
* :mod:`.report` and :mod:`.chart` show them.
"""
