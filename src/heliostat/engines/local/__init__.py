"""The embedded engine: one host, no service to install, first result in about 0.1 s.

Read ``ARCHITECTURE.md`` for the way of one task through these folders. Floors, each
importing only from below: ``head``, ``worker``, ``engine`` > ``owner`` > ``core``,
``store`` > ``wire``; ``core`` is pure and sees of ``wire`` only ``messages``.
"""
