// attention_value: for every block l = l * alpha + sum(p) and acc[d] = acc[d] * alpha + sum over the 16 of p * v[d].
//
// Column 0 is l (v = 1: the product is p itself), column 1 + d is dimension d. A column passes multipliers, the tree of 16,
// and the rescaling of what the blocks before left; it is back in its memory before the next block reads it. A head's last block
// also goes to the results, two groups of which can wait.
//
// Latency:       4 + Mul + 4 Add + Mul + Add from a column's start to its result.
// Throughput:    a block of n positions of D dimensions every max(D + 1, n + 4) cycles.
// Back-pressure: nothing inside stops; a block begins when its p and v are there and, if it is the last, a place for results.
//
// Parameters:
//   QHeads, MaxBeats  as in attention_query
// Ports:
//   s_*        words of attention_softmax
//   v_*        attention_transpose: its next block; v_take_o: it begins here; v_release_o: its last dimension is being read
//   whole_o    a group's results are all in the memory of results; free_i: the oldest are read
//   result_o   of all heads, 1 cycle after its column
module attention_value
  import attention_pkg::*;
  import fp32_pkg::*;
#(
    parameter int unsigned QHeads = 4,
    parameter int unsigned MaxBeats = 8,
    localparam int unsigned BeatW = (MaxBeats > 1) ? $clog2(MaxBeats) : 1,
    localparam int unsigned ColW = $clog2(Lanes * MaxBeats + 1)
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic [QHeads-1:0][31:0] s_word_i,
    input  logic                    s_head_i,
    input  logic                    s_end_i,
    input  block_t                  s_block_i,
    input  logic                    s_valid_i,
    output logic                    s_ready_o,
    input  logic [             4:0] v_beats_i,
    input  logic                    v_valid_i,
    output logic                    v_take_o,
    output logic                    v_release_o,
    output logic [       BeatW-1:0] v_beat_o,
    output logic [             3:0] v_lane_o,
    input  logic [    16*Lanes-1:0] v_data_i,
    output logic                    whole_o,
    input  logic                    free_i,
    input  logic                    result_bank_i,
    input  logic [        ColW-1:0] result_col_i,
    output logic [QHeads-1:0][31:0] result_o
);
  localparam int unsigned Columns = Lanes * MaxBeats + 1;
  localparam int unsigned AtV = 2;  // cycles after a column's start; a name stands for what is there
  localparam int unsigned AtP = AtV + FromBf16Latency;
  localparam int unsigned AtProduct = AtP + MulLatency;
  localparam int unsigned AtSum = AtProduct + fp32_reduce_pkg::latency(fp32_reduce_pkg::Sum, Lanes, 1);
  localparam int unsigned AtScaled = AtSum + MulLatency;
  localparam int unsigned AtResult = AtScaled + AddLatency;

  // What accompanies a column.
  typedef struct packed {
    logic [ColW-1:0] col;
    logic            end_col;
    logic            first;    // block of its head
    logic            last;
    logic            bank;     // of the results
  } column_t;

  // ---- the p of a block, as they come ------------------------------------------------------------------------------------
  logic [QHeads-1:0][31:0] alpha_fill_q;
  logic [Lanes-1:0][QHeads-1:0][31:0] p_fill_q;
  block_t fill_block_q;
  logic filled_q;
  logic [3:0] fill_q;
  logic start;
  logic [AtP-1:0] start_q;  // bit n - 1: a block began n cycles ago; its p are needed after AtP
  assign s_ready_o = !filled_q && start_q[AtP-2:0] == '0;
  wire take = s_valid_i && s_ready_o;

  always_ff @(posedge clk_i) begin
    if (take && s_head_i) alpha_fill_q <= s_word_i;
    if (take && !s_head_i) p_fill_q[fill_q] <= s_word_i;
    if (take) fill_block_q <= s_block_i;
    if (!rst_ni) begin
      filled_q <= 1'b0;
      fill_q   <= '0;
      start_q  <= '0;
    end else begin
      if (take && !s_head_i) fill_q <= s_end_i ? '0 : fill_q + 4'd1;
      if (take && s_end_i) filled_q <= 1'b1;
      else if (start) filled_q <= 1'b0;
      start_q <= {start_q[AtP-2:0], start};
    end
  end

  // ---- columns -----------------------------------------------------------------------------------------------------------
  logic run_q, one_q, bank_q;
  column_t now_q;
  logic [ColW-1:0] top_q, index_q;  // last column; dimension of this one, less one for column 0
  logic [Lanes-1:0] seen_q, seen1_q, seen2_q;
  logic [1:0] used_q;  // groups with a place in the results
  wire end_col = now_q.col == top_q;
  wire ending = run_q && end_col;
  assign start = filled_q && v_valid_i && (!run_q || ending) && (!fill_block_q.last || used_q != 2'd2);
  assign v_take_o = start;
  assign v_release_o = ending;
  assign v_beat_o = BeatW'(index_q >> 4);
  assign v_lane_o = index_q[3:0];

  always_ff @(posedge clk_i) begin
    if (start) begin
      now_q <= '{col: '0, end_col: 1'b0, first: fill_block_q.first, last: fill_block_q.last, bank: bank_q};
      index_q <= '1;
      top_q   <= ColW'({v_beats_i, 4'b0});
      for (int unsigned i = 0; i < Lanes; i++) seen_q[i] <= 4'(i) <= fill_block_q.top;
    end else begin
      now_q.col <= now_q.col + ColW'(1);
      index_q   <= index_q + ColW'(1);
    end
    one_q   <= now_q.col == '0;
    seen1_q <= seen_q;
    seen2_q <= seen1_q;
    if (!rst_ni) begin
      run_q  <= 1'b0;
      bank_q <= 1'b0;
      used_q <= '0;
    end else begin
      if (start) run_q <= 1'b1;
      else if (ending) run_q <= 1'b0;
      if (start && fill_block_q.last) bank_q <= !bank_q;
      used_q <= used_q + 2'(start && fill_block_q.last) - 2'(free_i);
    end
  end

  // ---- v; those that the block does not have are +0 like their p, so their products are +0 ---------------------------------
  logic one2_q;
  logic [32*Lanes-1:0] v;
  always_ff @(posedge clk_i) one2_q <= one_q;
  for (genvar i = 0; i < Lanes; i++) begin : gen_v
    wire [15:0] bits = !seen2_q[i] ? 16'h0000 : one2_q ? 16'h3f80 : v_data_i[16*i+:16];
    fp32_from_bf16 u_v (.clk_i, .enable_i(1'b1), .a_i(bits), .y_o(v[32*i+:32]));
  end

  // ---- what travels along ----------------------------------------------------------------------------------------------
  column_t column, column_read, column_sum, column_end;
  logic valid_read, valid_end;
  assign column = '{col: now_q.col, end_col: end_col, first: now_q.first, last: now_q.last, bank: now_q.bank};
  fp32_delay #(.Width($bits(column_t)), .Cycles(AtSum - 1)) u_read (
      .clk_i, .enable_i(1'b1), .d_i(column), .q_o(column_read)
  );
  fp32_delay #(.Width($bits(column_t)), .Cycles(1)) u_sum_side (
      .clk_i, .enable_i(1'b1), .d_i(column_read), .q_o(column_sum)
  );
  fp32_delay #(.Width($bits(column_t)), .Cycles(AtResult - AtSum)) u_end (
      .clk_i, .enable_i(1'b1), .d_i(column_sum), .q_o(column_end)
  );
  fp32_valid #(.Cycles(AtSum - 1)) u_valid_read (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i(run_q), .valid_o(valid_read));
  fp32_valid #(.Cycles(AtResult - AtSum + 1)) u_valid_end (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(valid_read), .valid_o(valid_end)
  );

  // ---- alpha follows its block: three registers, because more than one block is between start and rescaling ------------------
  localparam int unsigned Middle = (AtP + AtSum) / 2;
  logic [QHeads-1:0][31:0] alpha0_q, alpha1_q, alpha2_q;
  logic [AtSum-1:0] begun_q;  // bit n - 1: a block began n cycles ago
  always_ff @(posedge clk_i) begin
    begun_q <= rst_ni ? {begun_q[AtSum-2:0], start} : '0;
    if (begun_q[AtP-1]) alpha0_q <= alpha_fill_q;
    if (begun_q[Middle-1]) alpha1_q <= alpha0_q;
    if (begun_q[AtSum-1]) alpha2_q <= alpha1_q;
  end

  // ---- heads -------------------------------------------------------------------------------------------------------------
  for (genvar h = 0; h < QHeads; h++) begin : gen_heads
    logic [32*Lanes-1:0] p_q, product;
    logic [31:0] sum, sum_late, sum_end, scaled, added, result, old_q, read_q;
    logic sum_valid, too_long;
    (* ram_style = "block" *) logic [31:0] acc[Columns];
    (* ram_style = "block" *) logic [31:0] results[2<<ColW];

    always_ff @(posedge clk_i) begin
      if (start_q[AtP-1]) begin
        for (int unsigned i = 0; i < Lanes; i++) p_q[32*i+:32] <= (4'(i) <= fill_block_q.top) ? p_fill_q[i][h] : '0;
      end
    end
    for (genvar i = 0; i < Lanes; i++) begin : gen_lanes
      fp32_mul u_product (.clk_i, .enable_i(1'b1), .a_i(p_q[32*i+:32]), .b_i(v[32*i+:32]), .y_o(product[32*i+:32]));
    end
    fp32_reduce_pipe #(.Op(fp32_reduce_pkg::Sum), .Lanes(Lanes), .MaxBeats(1)) u_sum (
        .clk_i, .rst_ni, .enable_i(1'b1), .data_i(product), .valid_i(1'b1), .last_i(1'b1),
        .data_o(sum), .valid_o(sum_valid), .too_long_o(too_long)
    );
    fp32_mul u_scaled (.clk_i, .enable_i(1'b1), .a_i(old_q), .b_i(alpha2_q[h]), .y_o(scaled));
    fp32_delay #(.Cycles(MulLatency)) u_sum_late (.clk_i, .enable_i(1'b1), .d_i(sum), .q_o(sum_late));
    fp32_add u_added (.clk_i, .enable_i(1'b1), .a_i(scaled), .b_i(sum_late), .subtract_i(1'b0), .y_o(added));
    fp32_delay #(.Cycles(AddLatency)) u_sum_end (.clk_i, .enable_i(1'b1), .d_i(sum_late), .q_o(sum_end));

    assign result = column_end.first ? sum_end : added;
    always_ff @(posedge clk_i) begin
      if (valid_end) acc[column_end.col] <= result;
      old_q <= acc[column_read.col];
      if (valid_end && column_end.last) results[{column_end.bank, column_end.col}] <= result;
      read_q <= results[{result_bank_i, result_col_i}];
    end
    assign result_o[h] = read_q;
    wire unused_head = ^{sum_valid, too_long};
  end

  always_ff @(posedge clk_i) whole_o <= rst_ni && valid_end && column_end.last && column_end.end_col;
  wire unused = ^{column_sum.end_col, now_q.end_col};
endmodule
