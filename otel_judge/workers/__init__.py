"""Worker processes: traces are checked and judged beside the service, which goes on to receive.

    wire     what is said between the two
    launch   starts a process
    process  the worker: a `Grader` on a loop of its own, whose results go back over the wire
    slot     one worker as the service sees it: started, fed, listened to
    pool     all of them, behind a bounded queue; one that ends is replaced, and its traces are graded again

The service needs `pool.WorkerPool`.
"""
