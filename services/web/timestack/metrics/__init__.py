"""What a process tells Prometheus of itself, on a port that no proxy leads to.

    processes   several processes of a container count as one
    requests    the web's requests, by route, and its pool of connections
    tasks       what a worker has run
    container   when the container started, its memory, and what runs in it
    exposition  all of that, over HTTP

What the stack as a whole is like is told by one service, ``timestack.exporter``.
"""

# Inside the stack's networks; never published, and no route of the proxy ends here.
PORT = 8001
