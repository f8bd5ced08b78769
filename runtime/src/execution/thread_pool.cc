#include "execution/thread_pool.h"

#include <sched.h>
#include <time.h>

namespace hybrid_tf {
namespace {

constexpr int64_t kBusyNanoseconds = 50000;  // of waiting before a thread sleeps
constexpr int kPausesPerLook = 32;           // pauses between two looks at the clock

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

ThreadPool::ThreadPool() {
  pthread_mutex_init(&callers_, nullptr);
  pthread_mutex_init(&sleep_, nullptr);
  pthread_cond_init(&wake_, nullptr);
}

ThreadPool::~ThreadPool() {
  pthread_mutex_lock(&sleep_);
  stop_ = true;
  pthread_cond_broadcast(&wake_);
  pthread_mutex_unlock(&sleep_);
  for (pthread_t thread : threads_) pthread_join(thread, nullptr);
  pthread_cond_destroy(&wake_);
  pthread_mutex_destroy(&sleep_);
  pthread_mutex_destroy(&callers_);
}

void ThreadPool::reserve(int threads) {
  pthread_mutex_lock(&callers_);
  while (static_cast<int>(threads_.size()) + 1 < threads) {
    pthread_t thread;
    if (pthread_create(&thread, nullptr, &ThreadPool::start, this)) break;
    threads_.push_back(thread);
  }
  pthread_mutex_unlock(&callers_);
}

void ThreadPool::run(void (*work)(void*, int), void* argument, int parts) {
  if (parts < 2 || pthread_mutex_trylock(&callers_)) {
    for (int part = 0; part < parts; ++part) work(argument, part);
    return;
  }
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
    looks < 10000 ? pause() : static_cast<void>(sched_yield());
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
