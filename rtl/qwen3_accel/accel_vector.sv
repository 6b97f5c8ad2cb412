// accel_vector: the input of a co-quantised linear: gathers the two inputs of every position and rounds them to int8.
//
//   x_int[p][i] = sat8(rne(x[pairs[p][i]] * 2^-exp[p]))          golden/covq.py, quantize_activation
//
// Latency:       from the vector's last line to the first position Mul + ToInt + 6 = 14 cycles, pairs and exponents there.
// Throughput:    a position in two cycles; the next vector is taken when the one before is done.
// Back-pressure: a value is begun when its position has room in the queue at the end; readies depend on registers, and those of
//                pairs and exponents on each other's valid.
// A pair beyond the vector's lines reads what lies there: the compiler gives none.
//
// Parameters:
//   Lanes      values of a line
//   MaxInputs  values of a vector, at most
//   ActW       bits of an integer
// Ports:
//   s_cmd_positions  of the next vector
//   s_axis_pairs     8 pairs of uint16 a beat; s_axis_exp: 32 int8 a beat; the rest of a vector's last beats is dropped
module accel_vector
  import accel_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxInputs = 4096,
    parameter int unsigned ActW = 8,
    localparam int unsigned LineBits = 32 * Lanes
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic [        15:0] s_cmd_positions,
    input  logic                s_cmd_tvalid,
    output logic                s_cmd_tready,
    input  logic [LineBits-1:0] s_axis_tdata,
    input  logic                s_axis_tlast,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    input  logic [   BeatW-1:0] s_axis_pairs_tdata,
    input  logic                s_axis_pairs_tvalid,
    output logic                s_axis_pairs_tready,
    input  logic [   BeatW-1:0] s_axis_exp_tdata,
    input  logic                s_axis_exp_tvalid,
    output logic                s_axis_exp_tready,
    output logic [  2*ActW-1:0] m_axis_tdata,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready
);
  localparam int unsigned LaneW = $clog2(Lanes);
  localparam int unsigned MaxLines = MaxInputs / Lanes;
  localparam int unsigned AddrW = $clog2(MaxLines);
  localparam int unsigned Cycles = 2 + fp32_pkg::MulLatency + fp32_pkg::ToIntLatency;  // from a read to its integer
  localparam int unsigned Room = Cycles + 3;  // values
  localparam int unsigned CreditW = $clog2(Room + 1);
  if (MaxInputs < 2 * Lanes || MaxInputs % Lanes != 0 || MaxInputs > 65536)
    $error("%m: MaxInputs is %0d, allowed: multiples of %0d, %0d..65536", MaxInputs, Lanes, 2 * Lanes);

  typedef enum logic [1:0] {Idle, Load, Work} state_e;
  state_e state_q;
  logic [LineBits-1:0] mem[MaxLines];
  logic [AddrW-1:0] write_q;
  logic [16:0] left_q;  // values
  logic [3:0] index_q;  // value of the beat of pairs
  logic [4:0] place_q;  // exponent of its beat
  logic [CreditW-1:0] credits_q;

  wire some = s_axis_pairs_tvalid && s_axis_exp_tvalid;
  wire go = state_q == Work && some && credits_q != '0;
  wire ends = left_q == 17'd1;
  wire [15:0] index = s_axis_pairs_tdata[16*index_q+:16];
  wire [7:0] exponent = s_axis_exp_tdata[8*place_q+:8];
  assign s_axis_pairs_tready = go && (index_q == '1 || ends);
  assign s_axis_exp_tready = go && index_q[0] && (place_q == '1 || ends);
  assign s_cmd_tready = state_q == Idle;
  assign s_axis_tready = state_q == Load;

  logic [LineBits-1:0] line1_q;
  logic [LaneW-1:0] lane1_q;
  logic [31:0] x2_q, scale1_q, scale2_q, scaled;
  logic [ActW-1:0] whole, low_q;
  logic valid, odd_q, pair_ready, pair_valid;
  logic [2*ActW-1:0] pair;
  wire pop = m_axis_tvalid && m_axis_tready;

  always_ff @(posedge clk_i) begin
    if (s_axis_tvalid && s_axis_tready) mem[write_q] <= s_axis_tdata;
    line1_q  <= mem[AddrW'(index >> LaneW)];
    lane1_q  <= index[LaneW-1:0];
    scale1_q <= {1'b0, 8'd127 - exponent, 23'b0};
    x2_q     <= line1_q[32*lane1_q+:32];
    scale2_q <= scale1_q;
    if (valid && !odd_q) low_q <= whole;
    if (!rst_ni) begin
      state_q   <= Idle;
      write_q   <= '0;
      index_q   <= '0;
      place_q   <= '0;
      credits_q <= CreditW'(Room);
      odd_q     <= 1'b0;
    end else begin
      if (valid) odd_q <= !odd_q;
      credits_q <= credits_q - CreditW'(go) + (pop ? CreditW'(2) : '0);
      case (state_q)
        Idle: if (s_cmd_tvalid) state_q <= Load;
        Load:
        if (s_axis_tvalid) begin
          write_q <= s_axis_tlast ? '0 : write_q + AddrW'(1);
          if (s_axis_tlast) state_q <= Work;
        end
        default:
        if (go) begin
          index_q <= ends ? '0 : index_q + 4'd1;
          if (index_q[0]) place_q <= ends ? '0 : place_q + 5'd1;
          if (ends) state_q <= Idle;
        end
      endcase
    end
    if (state_q == Idle) left_q <= {s_cmd_positions, 1'b0};
    else if (go) left_q <= left_q - 17'd1;
  end

  fp32_mul u_scaled (.clk_i, .enable_i(1'b1), .a_i(x2_q), .b_i(scale2_q), .y_o(scaled));
  fp32_to_int #(.Bits(ActW)) u_whole (.clk_i, .enable_i(1'b1), .a_i(scaled), .y_o(whole));
  fp32_valid #(.Cycles(Cycles)) u_valid (.clk_i, .rst_ni, .enable_i(1'b1), .valid_i(go), .valid_o(valid));

  assign pair = {whole, low_q};
  assign pair_valid = valid && odd_q;
  logic [$clog2(Room/2+2)-1:0] level;
  fifo #(.Width(2 * ActW), .Depth(Room / 2 + 1)) u_pairs (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(pair), .s_valid_i(pair_valid), .s_ready_o(pair_ready),
      .m_data_o(m_axis_tdata), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready), .level_o(level)
  );
  wire unused = ^level;
  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni) pair_valid |-> pair_ready);
endmodule
