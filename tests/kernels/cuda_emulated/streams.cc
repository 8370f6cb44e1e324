/* Streams, events, graphs, launches. Work waits in its stream until the host waits for it.
 *
 * Switches (EVALH_EMULATED): launch=N: the N-th launch fails, capture=N: the N-th launch of every
 * capture fails, graphs=0: none is made of what was captured. */
#include <deque>
#include <set>
#include <vector>

#include "runtime.h"

struct CUstream_st {
    std::deque<std::function<void()>> work;
    uint64_t queued, done;
    struct CUgraph_st *capture;
    enum cudaStreamCaptureMode mode;
    bool spoilt;            /* the capture is */
    long launches, failing; /* of the capture; which of them fails, 0: none */
};

struct CUevent_st {
    cudaStream_t stream; /* that it was recorded in, or NULL */
    uint64_t at;
};

struct CUgraph_st {
    std::vector<std::function<void()>> nodes;
};

struct CUgraphExec_st {
    std::vector<std::function<void()>> nodes;
};

static std::set<cudaStream_t> streams;

/* ---- streams ---- */

void emulated_enqueue(cudaStream_t s, std::function<void()> work)
{
    if (s == NULL || streams.count(s) == 0)
        emulated_fail("work for a stream that is not one");
    if (s->capture != NULL) {
        s->capture->nodes.push_back(std::move(work));
        return;
    }
    s->work.push_back(std::move(work));
    s->queued++;
}

static void run_until(cudaStream_t s, uint64_t at)
{
    if (s->done >= at)
        return;
    emulated_begin_work();
    while (s->done < at) {
        const std::function<void()> work = std::move(s->work.front());
        s->work.pop_front();
        work();
        s->done++;
    }
    emulated_end_work();
}

void emulated_run_all(void)
{
    for (cudaStream_t s : streams)
        run_until(s, s->queued);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t *s, unsigned)
{
    *s = new CUstream_st();
    streams.insert(*s);
    return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    if (streams.count(s) == 0)
        return emulated_answer(cudaErrorInvalidResourceHandle);
    run_until(s, s->queued);
    streams.erase(s);
    delete s;
    return cudaSuccess;
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    if (streams.count(s) == 0)
        return emulated_answer(cudaErrorInvalidResourceHandle);
    if (s->capture != NULL) {
        s->spoilt = true;
        return emulated_answer(cudaErrorStreamCaptureUnsupported);
    }
    run_until(s, s->queued);
    return cudaSuccess;
}

cudaError_t cudaStreamWaitEvent(cudaStream_t s, cudaEvent_t e, unsigned)
{
    const cudaStream_t other = e->stream;
    const uint64_t at = e->at;
    if (other != NULL)
        emulated_enqueue(s, [other, at]() {
            if (streams.count(other) != 0)
                run_until(other, at);
        });
    return cudaSuccess;
}

/* ---- events ---- */

cudaError_t cudaEventCreateWithFlags(cudaEvent_t *e, unsigned)
{
    *e = new CUevent_st();
    return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t e)
{
    delete e;
    return cudaSuccess;
}

cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t s)
{
    e->stream = s;
    e->at = s->queued;
    return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t e)
{
    if (emulated_captures(cudaStreamCaptureModeThreadLocal))
        return emulated_answer(cudaErrorStreamCaptureUnsupported);
    if (e->stream != NULL && streams.count(e->stream) != 0)
        run_until(e->stream, e->at);
    return cudaSuccess;
}

/* ---- graphs ---- */

bool emulated_captures(enum cudaStreamCaptureMode up_to)
{
    bool any = false;
    for (cudaStream_t s : streams)
        if (s->capture != NULL && s->mode <= up_to)
            s->spoilt = any = true;
    return any;
}

cudaError_t cudaStreamBeginCapture(cudaStream_t s, enum cudaStreamCaptureMode mode)
{
    if (s->capture != NULL)
        return emulated_answer(cudaErrorInvalidValue);
    s->capture = new CUgraph_st();
    s->mode = mode;
    s->spoilt = false;
    s->launches = 0;
    s->failing = emulated_option("capture", 0);
    return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *graph)
{
    *graph = NULL;
    if (s->capture == NULL)
        return emulated_answer(cudaErrorInvalidValue);
    if (s->spoilt)
        delete s->capture;
    else
        *graph = s->capture;
    s->capture = NULL;
    return emulated_answer(s->spoilt ? cudaErrorStreamCaptureInvalidated : cudaSuccess);
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *exec, cudaGraph_t graph, unsigned long long)
{
    if (emulated_option("graphs", 1) == 0)
        return emulated_answer(cudaErrorMemoryAllocation);
    *exec = new CUgraphExec_st{ graph->nodes };
    return cudaSuccess;
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t s)
{
    for (const auto &node : exec->nodes)
        emulated_enqueue(s, node);
    return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    delete graph;
    return cudaSuccess;
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec)
{
    delete exec;
    return cudaSuccess;
}

/* ---- launches ---- */

void emulated_start(const emulated_launch &launch, cudaStream_t stream,
                    std::function<void()> thread)
{
    static long count;
    static const long failing = emulated_option("launch", 0);
    if (++count == failing) {
        emulated_answer(cudaErrorLaunchFailure);
        return;
    }
    if (stream->capture != NULL && ++stream->launches == stream->failing) {
        stream->spoilt = true;
        emulated_answer(cudaErrorLaunchFailure);
        return;
    }
    if (!emulated_launch_fits(launch)) {
        emulated_answer(cudaErrorInvalidConfiguration);
        return;
    }
    emulated_enqueue(stream, [launch, thread]() { emulated_run(launch, thread); });
}
