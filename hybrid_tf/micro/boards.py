"""Memory of common microcontroller boards, in bytes, each figure looked up in the source beside it.

RAM is what lies in a row, because an arena needs one piece: some processors have more, elsewhere.
"""

from dataclasses import dataclass

_KIB = 1024


@dataclass(frozen=True)
class Board:
    """A board.

    Attributes:
        name: name of the board.
        processor: core and highest clock of the processor.
        flash, ram: sizes in bytes. RAM is the largest piece that lies in a row.
        source: source of the figures. Zephyr: the page of the board on docs.zephyrproject.org, and dts/arm.
    """

    name: str
    processor: str
    flash: int
    ram: int
    source: str


BOARDS = (
    Board(
        "Arduino Nano 33 BLE Sense Rev2",
        "Cortex-M4F, 64 MHz",
        1024 * _KIB,
        256 * _KIB,
        "Arduino, Nano 33 BLE Sense Rev2, tech specs",  # docs.arduino.cc/hardware/nano-33-ble-sense-rev2
    ),
    Board(
        "Arduino UNO R4",
        "Cortex-M4F, 48 MHz",
        256 * _KIB,
        32 * _KIB,
        "Zephyr, Arduino UNO R4 Minima/WiFi",
    ),
    Board(
        "Raspberry Pi Pico",
        "2 x Cortex-M0+, 133 MHz",
        2048 * _KIB,
        264 * _KIB,
        "Raspberry Pi, documentation, Pico series",  # www.raspberrypi.com/documentation/microcontrollers
    ),
    Board(
        "Raspberry Pi Pico 2",
        "2 x Cortex-M33, 150 MHz",
        4096 * _KIB,
        520 * _KIB,
        "Raspberry Pi, documentation, Pico series",  # www.raspberrypi.com/documentation/microcontrollers
    ),
    Board(
        "BBC micro:bit V2",
        "Cortex-M4F, 64 MHz",
        512 * _KIB,
        128 * _KIB,
        "Nordic, nrf52833_qiaa.dtsi in Zephyr",  # the chip of the board; dts/arm/nordic
    ),
    Board(
        "ST NUCLEO-F446RE",
        "Cortex-M4F, 180 MHz",
        512 * _KIB,
        128 * _KIB,
        "Zephyr, Nucleo F446RE; ST, RM0390",  # SRAM1, 112 KB, and after it SRAM2, 16 KB
    ),
    Board(
        "ST NUCLEO-L476RG",
        "Cortex-M4F, 80 MHz",
        1024 * _KIB,
        96 * _KIB,
        "Zephyr, Nucleo L476RG; ST, RM0351",  # SRAM1; SRAM2, 32 KB, lies elsewhere
    ),
    Board(
        "ST NUCLEO-F746ZG",
        "Cortex-M7, 216 MHz",
        1024 * _KIB,
        320 * _KIB,
        "Zephyr, Nucleo F746ZG, stm32f746.dtsi",  # DTCM, SRAM1 and SRAM2: 64, 240 and 16 KB
    ),
    Board(
        "ST NUCLEO-H743ZI2",
        "Cortex-M7, 480 MHz",
        2048 * _KIB,
        512 * _KIB,
        "Zephyr, Nucleo H743ZI, stm32h743.dtsi",  # AXI SRAM; all pieces together have 1 MB
    ),
    Board(
        "Espressif ESP32-DevKitC",
        "2 x Xtensa LX6, 240 MHz",
        4096 * _KIB,
        160 * _KIB,
        "Espressif, ESP-IDF, memory types",  # at most 160 KB of DRAM for static arrays, 320 KB together with the heap
    ),
    Board(
        "Espressif ESP32-S3-DevKitC",
        "2 x Xtensa LX7, 240 MHz",
        8192 * _KIB,
        512 * _KIB,
        "Zephyr, ESP32-S3-DevKitC; cache and ESP-IDF take a part",
    ),
    Board(
        "Espressif ESP32-C3-DevKitC",
        "RV32IMC, 160 MHz",
        4096 * _KIB,
        400 * _KIB,
        "Zephyr, ESP32-C3-DevKitC; cache and ESP-IDF take a part",
    ),
    Board(
        "WCH CH32V307-EVT",
        "RV32IMAFC, 144 MHz",
        256 * _KIB,
        64 * _KIB,
        "PlatformIO, platform-ch32v, ch32v307_evt.json",
    ),
)
