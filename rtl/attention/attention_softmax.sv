// attention_softmax: the running softmax of the QHeads heads of a group, in blocks of 16 positions.
//
//   m' = maximum(m, the block's scores);  out: exp(m - m'), then exp(s[j] - m') for every position j of the block
//   (of a head's first block the word in front means nothing)
//
// Latency:       from a block's last score to its first word: the maximum of 16 (4 Compare), a queue, a Compare, Add + Exp, 6 more.
// Throughput:    a block of n positions every max(n + 1, 5) cycles.
// Back-pressure: nothing stops the scores: who sends them counts the places. A word is made when it has a place in the
//                queue at the end.
//
// Parameters:
//   QHeads
//   Places  scores that the queue holds, and as many blocks
// Ports:
//   popped_o  a score has left the queue
//   m_head_o  the word is exp(m - m');  m_end_o: the block's last
module attention_softmax
  import attention_pkg::*;
  import fp32_pkg::*;
#(
    parameter int unsigned QHeads = 4,
    parameter int unsigned Places = 128
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic [QHeads-1:0][31:0] s_score_i,
    input  logic                    s_last_i,   // of its head
    input  logic                    s_valid_i,
    output logic                    popped_o,
    output logic [QHeads-1:0][31:0] m_word_o,
    output logic                    m_head_o,
    output logic                    m_end_o,
    output block_t                  m_block_o,
    output logic                    m_valid_o,
    input  logic                    m_ready_i
);
  localparam int unsigned LevelW = $clog2(Places + 1);
  localparam int unsigned MaxLatency = fp32_reduce_pkg::latency(fp32_reduce_pkg::Max, 1, 16);
  localparam int unsigned WordLatency = 1 + AddLatency + ExpLatency;
  localparam int unsigned Words = 128;  // places behind the exponential
  localparam int unsigned WordsW = $clog2(Words + 1);
  localparam logic [31:0] Lowest = 32'hff80_0000;

  // ---- the scores wait; their block's largest -------------------------------------------------------------------------
  logic [QHeads-1:0][31:0] score;
  logic score_valid, score_room, score_pop;
  logic [LevelW-1:0] scores, maxima;
  fifo #(.Width(32 * QHeads), .Depth(Places)) u_scores (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(s_score_i), .s_valid_i, .s_ready_o(score_room),
      .m_data_o(score), .m_valid_o(score_valid), .m_ready_i(score_pop), .level_o(scores)
  );
  assign popped_o = score_pop;

  logic [3:0] place_q;  // in the block
  logic first_q;
  block_t block_in, block_late;
  wire block_end = s_last_i || place_q == 4'd15;
  assign block_in = '{first: first_q, last: s_last_i, top: place_q};
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      place_q <= '0;
      first_q <= 1'b1;
    end else if (s_valid_i) begin
      place_q <= block_end ? '0 : place_q + 4'd1;
      if (block_end) first_q <= s_last_i;
    end
  end

  logic [QHeads-1:0][31:0] block_max;
  logic [QHeads-1:0] block_found, too_long;
  for (genvar h = 0; h < QHeads; h++) begin : gen_max
    fp32_reduce_pipe #(.Op(fp32_reduce_pkg::Max), .Lanes(1), .MaxBeats(16)) u_max (
        .clk_i, .rst_ni, .enable_i(1'b1), .data_i(s_score_i[h]), .valid_i(s_valid_i), .last_i(block_end),
        .data_o(block_max[h]), .valid_o(block_found[h]), .too_long_o(too_long[h])
    );
  end
  fp32_delay #(.Width($bits(block_t)), .Cycles(MaxLatency)) u_block (
      .clk_i, .enable_i(1'b1), .d_i(block_in), .q_o(block_late)
  );

  logic [QHeads-1:0][31:0] next_max;
  block_t next_block;
  logic next_valid, next_pop, max_room;
  fifo #(.Width(32 * QHeads + $bits(block_t)), .Depth(Places)) u_maxima (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({block_max, block_late}), .s_valid_i(block_found[0]), .s_ready_o(max_room),
      .m_data_o({next_max, next_block}), .m_valid_o(next_valid), .m_ready_i(next_pop), .level_o(maxima)
  );

  // ---- the running maximum; the next block's is made while the words of the one before go out -------------------------
  logic [2:0] step_q;  // one-hot: loaded, compared, found
  logic [QHeads-1:0][31:0] new_q, old_q, running_q, larger;
  block_t ready_block_q;
  logic ready_q;  // running_q is the next block's maximum, old_q the one before it
  logic load;  // the words of the next block begin
  assign next_pop = next_valid && step_q == '0 && !ready_q;

  always_ff @(posedge clk_i) begin
    if (next_pop) begin
      new_q         <= next_max;
      ready_block_q <= next_block;
      for (int unsigned h = 0; h < QHeads; h++) old_q[h] <= next_block.first ? Lowest : running_q[h];
    end
    if (step_q[2]) running_q <= larger;
    if (!rst_ni) begin
      step_q  <= '0;
      ready_q <= 1'b0;
    end else begin
      step_q <= {step_q[1:0], next_pop};
      if (step_q[2]) ready_q <= 1'b1;
      else if (load) ready_q <= 1'b0;
    end
  end
  for (genvar h = 0; h < QHeads; h++) begin : gen_running
    logic [1:0] order;
    fp32_compare u_larger (
        .clk_i, .enable_i(1'b1), .a_i(new_q[h]), .b_i(old_q[h]), .order_o(order), .maximum_o(larger[h])
    );
    wire unused_order = ^order;
  end

  // ---- words ----------------------------------------------------------------------------------------------------------
  logic [QHeads-1:0][31:0] max_q, before_q;
  block_t block_q;
  logic busy_q, head_q, room_q;
  logic [3:0] word_q;
  logic [WordsW-1:0] count_q;  // words on their way or in the queue
  wire last_word = word_q == block_q.top;
  wire issue = busy_q && room_q && (head_q || score_valid);
  wire block_done = issue && !head_q && last_word;
  wire word_pop = m_valid_o && m_ready_i;
  assign score_pop = issue && !head_q;
  assign load = ready_q && (!busy_q || block_done);

  always_ff @(posedge clk_i) begin
    if (load) begin
      max_q    <= running_q;
      before_q <= old_q;
      block_q  <= ready_block_q;
    end
    if (!rst_ni) begin
      busy_q  <= 1'b0;
      head_q  <= 1'b1;
      word_q  <= '0;
      count_q <= '0;
      room_q  <= 1'b1;
    end else begin
      if (load) busy_q <= 1'b1;
      else if (block_done) busy_q <= 1'b0;
      if (issue) head_q <= block_done;
      if (score_pop) word_q <= last_word ? '0 : word_q + 4'd1;
      count_q <= count_q + WordsW'(issue) - WordsW'(word_pop);
      room_q  <= count_q < WordsW'(Words - 2);
    end
  end

  logic [QHeads-1:0][31:0] left_q, right_q, power;
  always_ff @(posedge clk_i) begin
    left_q  <= head_q ? before_q : score;
    right_q <= max_q;
  end
  for (genvar h = 0; h < QHeads; h++) begin : gen_words
    logic [31:0] less;
    fp32_add u_less (.clk_i, .enable_i(1'b1), .a_i(left_q[h]), .b_i(right_q[h]), .subtract_i(1'b1), .y_o(less));
    fp32_exp u_power (.clk_i, .enable_i(1'b1), .x_i(less), .y_o(power[h]));
  end

  logic word_valid, word_room, word_head, word_end;
  block_t word_block;
  logic [WordsW-1:0] words;
  fp32_valid #(.Cycles(WordLatency)) u_valid (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(issue), .valid_o(word_valid)
  );
  fp32_delay #(.Width(2 + $bits(block_t)), .Cycles(WordLatency)) u_side (
      .clk_i, .enable_i(1'b1), .d_i({head_q, !head_q && last_word, block_q}), .q_o({word_head, word_end, word_block})
  );
  fifo #(.Width(32 * QHeads + 2 + $bits(block_t)), .Depth(Words)) u_words (
      .clk_i, .rst_ni, .clear_i(1'b0),
      .s_data_i({power, word_head, word_end, word_block}), .s_valid_i(word_valid), .s_ready_o(word_room),
      .m_data_o({m_word_o, m_head_o, m_end_o, m_block_o}), .m_valid_o, .m_ready_i, .level_o(words)
  );

  wire unused = ^{scores, maxima, words, block_found};
  a_scores :
  assert property (@(posedge clk_i) disable iff (!rst_ni) s_valid_i |-> score_room);
  a_maxima :
  assert property (@(posedge clk_i) disable iff (!rst_ni) block_found[0] |-> max_room);
  a_words :
  assert property (@(posedge clk_i) disable iff (!rst_ni) word_valid |-> word_room);
  a_length :
  assert property (@(posedge clk_i) disable iff (!rst_ni) too_long == '0);
endmodule
