#include "execution/thread_pool.h"

#include <sched.h>
#include <time.h>

#include <new>

namespace hybrid_tf {
namespace {

constexpr int64_t kBusyNanoseconds = 50000;  // of waiting before a thread sleeps
constexpr int kPausesPerLook = 32;           // pauses between two looks at the clock
constexpr int kLooksBeforeYield = 1000;

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
  asm volatile("yield");
#endif
}

int64_t now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * int64_t{1000000000} + time.tv_nsec;
}

bool has_parts(uint64_t ticket) { return (ticket & 0xffff) < (ticket >> 16 & 0xffff); }

}  // namespace

pthread_mutex_t ThreadPool::pools_ = PTHREAD_MUTEX_INITIALIZER;
ThreadPool* ThreadPool::first_ = nullptr;

ThreadPool::ThreadPool() {
  pthread_mutex_init(&callers_, nullptr);
  pthread_mutex_init(&sleep_, nullptr);
  pthread_cond_init(&wake_, nullptr);
#if !defined(_WIN32) && !defined(__wasm__)  // there is no fork() on these
  // The C library drops the handlers when it unloads this one.
  static const int registered = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
  (void)registered;
#endif
  pthread_mutex_lock(&pools_);
  next_ = first_;
  link_ = &first_;
  if (next_) next_->link_ = &next_;
  first_ = this;
  pthread_mutex_unlock(&pools_);
}

ThreadPool::~ThreadPool() {
  pthread_mutex_lock(&pools_);
  *link_ = next_;
  if (next_) next_->link_ = link_;
  pthread_mutex_unlock(&pools_);
  pthread_mutex_lock(&sleep_);
  stop_ = true;
  pthread_cond_broadcast(&wake_);
  pthread_mutex_unlock(&sleep_);
  for (pthread_t thread : threads_) pthread_join(thread, nullptr);
  pthread_cond_destroy(&wake_);
  pthread_mutex_destroy(&sleep_);
  pthread_mutex_destroy(&callers_);
}

// Nobody changes the list while the process is copied.
void ThreadPool::before_fork() { pthread_mutex_lock(&pools_); }

void ThreadPool::after_fork_in_parent() { pthread_mutex_unlock(&pools_); }

void ThreadPool::after_fork_in_child() {
  for (ThreadPool* pool = first_; pool; pool = pool->next_) pool->forget_parent();
  pthread_mutex_unlock(&pools_);
}

// Whoever held a lock, slept or worked is not here. The vector is made anew, not cleared: it may be half changed.
void ThreadPool::forget_parent() {
  new (&threads_) std::vector<pthread_t>();
  asked_ = 0;
  ticket_ = 0;
  unfinished_ = 0;
  sleepers_ = 0;
  pthread_mutex_init(&callers_, nullptr);
  pthread_mutex_init(&sleep_, nullptr);
  pthread_cond_init(&wake_, nullptr);
}

void ThreadPool::reserve(int threads) {
  int wanted = wanted_;
  while (wanted < threads - 1 && !wanted_.compare_exchange_weak(wanted, threads - 1)) {
  }
}

void ThreadPool::start_threads() {
  for (; asked_ < wanted_; ++asked_) {
    pthread_t thread;
    if (!pthread_create(&thread, nullptr, &ThreadPool::start, this)) threads_.push_back(thread);
  }
}

void ThreadPool::run(void (*work)(void*, int), void* argument, int parts) {
  if (parts < 2 || pthread_mutex_trylock(&callers_)) {
    for (int part = 0; part < parts; ++part) work(argument, part);
    return;
  }
  if (asked_ < wanted_) start_threads();
  work_ = work;
  argument_ = argument;
  unfinished_.store(parts, std::memory_order_relaxed);
  const uint64_t task = (ticket_.load(std::memory_order_relaxed) >> 32) + 1;
  // Either a thread that is about to sleep sees this ticket, or it is counted before sleepers_ is read here.
  ticket_ = task << 32 | static_cast<uint64_t>(parts) << 16;
  if (sleepers_ > 0) {
    pthread_mutex_lock(&sleep_);
    pthread_cond_broadcast(&wake_);
    pthread_mutex_unlock(&sleep_);
  }
  while (take_part()) {
  }
  for (int looks = 0; unfinished_.load(std::memory_order_acquire) > 0; ++looks) {
    // A thread that was put aside in the middle of its part may need this processor.
    looks < kLooksBeforeYield ? pause() : static_cast<void>(sched_yield());
  }
  pthread_mutex_unlock(&callers_);
}

bool ThreadPool::take_part() {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  do {
    if (!has_parts(ticket)) return false;
  } while (!ticket_.compare_exchange_weak(ticket, ticket + 1, std::memory_order_acquire));
  work_(argument_, static_cast<int>(ticket & 0xffff));
  unfinished_.fetch_sub(1, std::memory_order_release);
  return true;
}

void ThreadPool::wait_for_work() {
  const int64_t end = now() + kBusyNanoseconds;
  do {
    for (int i = 0; i < kPausesPerLook; ++i) {
      if (has_parts(ticket_.load(std::memory_order_relaxed)) || stop_) return;
      pause();
    }
  } while (now() < end);
  pthread_mutex_lock(&sleep_);
  ++sleepers_;
  while (!has_parts(ticket_) && !stop_) pthread_cond_wait(&wake_, &sleep_);
  --sleepers_;
  pthread_mutex_unlock(&sleep_);
}

void ThreadPool::work_until_stopped() {
  while (!stop_) {
    if (!take_part()) wait_for_work();
  }
}

void* ThreadPool::start(void* pool) {
  static_cast<ThreadPool*>(pool)->work_until_stopped();
  return nullptr;
}

}  // namespace hybrid_tf
