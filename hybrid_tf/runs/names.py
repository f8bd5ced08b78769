"""The names of all that is in a run folder.

| file | holds |
|---|---|
| `config.json` | the settings, and the data set's class names, image shape and normalisation |
| `images.csv` | of a folder of images: every file, its content's digest and its split, and what was left out |
| `summary.txt` | the network by layers: `larq.models.summary` and ours |
| `history.csv`, `curves.png` | loss and accuracy of each epoch |
| `best.weights.h5`, `last.weights.h5` | weights of the best epoch on the validation images, and of the last |
| `model.tflite`, `model.int8.tflite` | the converted network, once there is one; with int8 sections |
| `row.json` | what a comparison shows of the finished run |
| `evaluation.json`, `evaluation.int8.json` | what a report shows of the network and its int8 file on the test images |
| `int8.json` | the ranges of an int8-aware training |
| `report.json` | the result, on the test images; it is there when the run is finished |
| `checkpoints/`, `tensorboard/` | what `--resume` continues from; logs for TensorBoard |
| `.lock` | which process trains here, as long as it does |
"""

CONFIG = "config.json"
MANIFEST = "images.csv"
SUMMARY = "summary.txt"
HISTORY = "history.csv"
CURVES = "curves.png"
BEST = "best.weights.h5"
LAST = "last.weights.h5"
FILE = "model.tflite"
INT8_FILE = "model.int8.tflite"
ROW = "row.json"
EVALUATION = "evaluation.json"
INT8_EVALUATION = "evaluation.int8.json"
RANGES = "int8.json"
REPORT = "report.json"
CHECKPOINTS = "checkpoints"
TENSORBOARD = "tensorboard"
LOCK = ".lock"
