# To be sourced. Before mpirun: Open MPI leaves memory of its own behind, and its plugins are gone at exit
# with the names of their functions, so that only whole stacks tell whose it was.
leaks_under_mpi() {
    ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}fast_unwind_on_malloc=0"
    LSAN_OPTIONS="suppressions=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/leaks.supp:print_suppressions=0"
    export ASAN_OPTIONS LSAN_OPTIONS
}
