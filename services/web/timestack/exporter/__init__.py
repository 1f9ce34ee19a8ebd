"""``python -m timestack.exporter``: what the stack as a whole is like, told to Prometheus.

One service reads it, however many there are of the others, and keeps what it read for some seconds.
The same service takes what Alertmanager has to tell, and makes notifications of it.

    readers   what is read, a function per subject
    stack     all of it within a budget of time, and kept
    server    /metrics and /alarms
"""
