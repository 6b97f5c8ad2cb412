// row_gather_serialise: picks entry after entry out of the lanes' beats and makes the row stream of them.
//
//   beat k of a block = { entry k of lane Lanes-1, ..., entry k of lane 0 }
//
// Inside a fetch the rows follow one another without gaps, from entry `start` of the first beat on; what is left of the last
// beat is dropped. All lanes walk together, so one pointer serves them.
//
// Latency:       1 cycle (output register) once all lanes hold a beat; a new plan is loaded for 1 cycle.
// Throughput:    one entry of every lane a cycle.
// Back-pressure: m_axis_row_tready reaches the lanes' ready combinationally, and goes no further.
//
// Parameters: as in row_gather.
module row_gather_serialise #(
    parameter int unsigned Lanes = 2,
    parameter int unsigned Centroids = 16,
    parameter int unsigned EntryW = 8,
    parameter int unsigned BeatW = 256,
    parameter int unsigned PosW = 16,
    parameter int unsigned RowsW = 8,
    localparam int unsigned StartW = $clog2(BeatW / EntryW)
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic                    clear_i,
    input  logic [      StartW-1:0] s_plan_start_i,
    input  logic [        PosW-1:0] s_plan_positions_i,
    input  logic [       RowsW-1:0] s_plan_rows_i,
    input  logic [             1:0] s_plan_k_code_i,
    input  logic                    s_plan_valid_i,
    output logic                    s_plan_ready_o,
    input  logic [ Lanes*BeatW-1:0] s_beat_i,
    input  logic [       Lanes-1:0] s_valid_i,
    output logic                    s_ready_o,           // all lanes at once: their beats are done with
    output logic [Lanes*EntryW-1:0] m_axis_row_tdata,
    output logic                    m_axis_row_tvalid,
    input  logic                    m_axis_row_tready,
    output logic                    m_axis_row_tlast,
    output logic                    busy_o
);
  localparam int unsigned KW = $clog2(Centroids);

  logic active_q;
  logic [StartW-1:0] start_q, entry_q;
  logic [PosW-1:0] left_q;  // positions of this job still to be walked
  logic [RowsW-1:0] rows_q, row_q;  // rows of a fetch; those still to come, the present one included
  logic [KW-1:0] k_q, k_last_q;

  logic [Lanes*EntryW-1:0] data_q;
  logic valid_q, last_q;

  wire fire = active_q && &s_valid_i && (!valid_q || m_axis_row_tready);
  wire row_done = k_q == k_last_q;
  wire fetch_done = row_done && row_q == RowsW'(1);
  wire load = s_plan_valid_i && s_plan_ready_o;

  assign s_ready_o = fire && (fetch_done || &entry_q);
  assign s_plan_ready_o = !active_q;

  always_ff @(posedge clk_i) begin
    if (load) begin
      start_q  <= s_plan_start_i;
      entry_q  <= s_plan_start_i;
      left_q   <= s_plan_positions_i;
      rows_q   <= s_plan_rows_i;
      row_q    <= s_plan_rows_i;
      k_q      <= '0;
      k_last_q <= KW'((7'd16 << s_plan_k_code_i) - 7'd1);
    end else if (fire) begin
      entry_q <= fetch_done ? start_q : entry_q + StartW'(1);
      k_q     <= row_done ? '0 : k_q + KW'(1);
      if (row_done) row_q <= fetch_done ? rows_q : row_q - RowsW'(1);
      if (fetch_done) left_q <= left_q - PosW'(Lanes);
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) active_q <= 1'b0;
    else if (load) active_q <= 1'b1;
    else if (fire && fetch_done && left_q == PosW'(Lanes)) active_q <= 1'b0;
  end

  // Output register ------------------------------------------------------------------------------------------------
  always_ff @(posedge clk_i) begin
    if (fire) begin
      for (int unsigned l = 0; l < Lanes; l++) begin
        data_q[l*EntryW+:EntryW] <= s_beat_i[l*BeatW+32'(entry_q)*EntryW+:EntryW];
      end
      last_q <= row_done;
    end
    if (!rst_ni || clear_i) valid_q <= 1'b0;
    else if (fire) valid_q <= 1'b1;
    else if (m_axis_row_tready) valid_q <= 1'b0;
  end

  assign m_axis_row_tdata  = data_q;
  assign m_axis_row_tvalid = valid_q;
  assign m_axis_row_tlast  = last_q;
  assign busy_o            = active_q || valid_q;
endmodule
