#!/bin/sh
echo beside
