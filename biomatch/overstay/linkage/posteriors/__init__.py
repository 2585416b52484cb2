"""What has probably become of each stay, and the estimates that it hangs on."""
