"""`python -m hybrid_tf` is `hybrid-tf`."""

from hybrid_tf.cli import main

if __name__ == "__main__":
    main()
