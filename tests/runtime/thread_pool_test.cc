// The thread pool: every part of every task is run once, whoever calls. Built with -fsanitize=thread by
// test_thread_pool.py; exits with 1 when something is wrong.
#include "execution/thread_pool.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace {

struct Task {
  hybrid_tf::ThreadPool* pool;
  int parts;
  int runs[200];  // of each part; not atomic: the sanitizer sees when two threads run one, or when run() returns early
};

void work(void* argument, int part) { ++static_cast<Task*>(argument)->runs[part]; }

void check(Task* task, int parts) {
  for (int& runs : task->runs) runs = 0;
  task->pool->run(work, task, parts);
  for (int part = 0; part < 200; ++part) {
    if (task->runs[part] == (part < parts)) continue;
    fprintf(stderr, "part %d of %d was run %d times\n", part, parts, task->runs[part]);
    exit(1);
  }
}

void* call_often(void* pool) {
  Task task = {static_cast<hybrid_tf::ThreadPool*>(pool), 0, {}};
  unsigned random = 1;
  for (int i = 0; i < 20000; ++i) {
    random = random * 1664525 + 1013904223;
    check(&task, (random >> 16) % 200);
    if (i % 1000 == 0) usleep(500);  // long enough for the threads to fall asleep
  }
  return nullptr;
}

}  // namespace

int main() {
  for (int threads = 1; threads <= 4; ++threads) {
    hybrid_tf::ThreadPool pool;
    pool.reserve(threads);
    pthread_t other;
    pthread_create(&other, nullptr, call_often, &pool);
    call_often(&pool);
    pthread_join(other, nullptr);
  }
  for (int i = 0; i < 200; ++i) {  // ended at once, asleep or not
    hybrid_tf::ThreadPool pool;
    pool.reserve(3);
    if (i % 2) usleep(200);
  }
  puts("ok");
}
