"""The same contract on Milvus, the distributed engine."""
