"""One or more questions about many images, into one folder.

``sources.py`` finds the images, ``plan.py`` gives each its position for good, ``setup.py`` says what is asked,
``shards.py`` which shards there are and which are done; ``one_shard.py`` computes one, ``folder.py`` writes it, and
``workers.py`` hands shards to processes of this machine. Whoever hands them out otherwise needs the rest unchanged.

    FOLDER/plan.parquet              every image with its digest and position; grows at its end
    FOLDER/setup.json                the questions, the models by digest, the size of a shard
    FOLDER/maps.zarr/QUESTION/SITE   (N, C, H, W) at positions; one file for each shard
    FOLDER/rows/QUESTION/SHARD.parquet   the rows of a shard, written after its maps: what is here is done
    FOLDER/results.parquet, receipt.json   written from the rows, once all are here
"""
