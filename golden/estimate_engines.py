"""Latencies of the engines in cycles, made of the float units' as in their headers. See `lutloom.estimate_machine`."""

# --- fp32_pkg, a test compares ----------------------------------------------------------------------------------------
ADD, MUL, ONE_MINUS = 5, 4, 3
FROM_INT = TO_INT = 4
FROM_BF16, TABLE = 1, 1
EXP = 4 * MUL + 4 * ADD + TO_INT + FROM_INT + 2 * TABLE
RECIPROCAL = 2 * (2 * MUL + ONE_MINUS + ADD) + 2 * TABLE
RSQRT = 2 * (3 * MUL + ONE_MINUS + ADD) + 2 * TABLE
SIGMOID = EXP + ADD + RECIPROCAL + MUL + TABLE

# --- elementwise and norms --------------------------------------------------------------------------------------------
TREE = ADD  # a level of adders
NORM = 4 * MUL + ADD + RSQRT + 3  # rms_norm, and TREE (log2 Lanes + log2 MaxBeats)
ROPE = MUL + ADD + 3  # first line of a head's second half to its first result
SWIGLU = SIGMOID + 2 * MUL + 1
DEQUANT = FROM_INT + 2 * MUL + ADD + 1
EMBED = 2  # beat to values
SAMPLER = 3  # and log2 Lanes: last logit to the token
# act_quant S + Mul + ToInt + 3, S = log2 Lanes + Reciprocal + Mul + 2; linear_synth_vector 2 more
QUANT = RECIPROCAL + MUL + 2 + MUL + TO_INT + 3 + 2

# --- attention: the parts that its page names, and TREE log2(MaxHeadDim/16) -------------------------------------------
ROUND_KEY = 5  # to round the own key and to wait in the queue
SCORE = FROM_BF16 + MUL + 4 * ADD + MUL
MAXIMUM = 15  # of a block
EXPONENTIAL = EXP + ADD + 1
SUM = 4 * ADD + 3
FINISH = MUL + 7
QUERY = SCORE + MAXIMUM + EXPONENTIAL + SUM + RECIPROCAL + FINISH  # last line of q, without the keys streaming by
OWN_KEY = ROUND_KEY + QUERY  # last line of the own key
RESULT = 4  # cycles a line of results: four values of every way a cycle
ATTENTION_BUFFER = 512  # ReadBeats
KV_COMMAND = 6  # command to the reader's descriptor, judge and job; counted in the source
