// The program of an exported folder as a function that run_exported.py can call.
extern "C" __attribute__((visibility("default"))) int exported_main();
